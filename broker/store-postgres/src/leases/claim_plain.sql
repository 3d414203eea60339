-- Claims the next processes of a lane in one statement and transaction, if all of them are plain and nothing restricts the lane. Returns
-- a row for each lease, or one without; `is_plain` is 0 if the claim must be made by the other statements: then nothing is changed.
-- $1 colony: bigint, $2 executor_type: text, $3 executor: bigint[] and $4 lease_ms: bigint[] of each lease in turn, $5 names of the
-- executors: text[], $6 functions that they may run: text[], or null for all, $7 beginnings of further such functions: text[], $8 the
-- executors, each once: bigint[], $9 now_ms: bigint.
-- `is_lane_empty` is read only where it is likely, or cheap: the rows of the lane are passed over once more for it. It counts rows that
-- others are claiming. The order makes the server read the index of the lane, and no further than the first row.
-- Race won: one statement sees one moment, so a pause, limit or revocation that was committed before it applies. Rows that another broker
-- is claiming are passed over, and those that are taken here are locked first.
-- One plan is made for all claims, since planning takes longer than the claim: so no estimate may depend on the parameters, which are read
-- from `asked`, nor on statistics: rows are looked up by arrays, and a claim takes no more than 256. The second limit ends the first.
WITH asked AS MATERIALIZED (
    SELECT $3::bigint[] AS executors, $4::bigint[] AS lease_ms, $5::text[] AS names, $6::text[] AS functions,
           $7::text[] AS prefixes, $8::bigint[] AS grants
),
restricted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM apiary.pauses WHERE colony = $1 AND (kind <> 'executor_type' OR name = $2))
        OR EXISTS (SELECT FROM apiary.drains WHERE colony = $1 AND name = ANY ((SELECT names FROM asked)::text[]))
        OR EXISTS (
            SELECT FROM apiary.limits
            WHERE colony = $1 AND (kind = 'function' OR (kind = 'executor_type' AND pattern = $2))
        )
        OR EXISTS (
            SELECT FROM apiary.grants
            WHERE key = ANY ((SELECT grants FROM asked)::bigint[]) AND revoked_from_ms IS NOT NULL
        ) AS is_so
),
next AS MATERIALIZED (
    SELECT process_id, priority_time_us, is_plain
    FROM (
        SELECT process_id, priority_time_us,
               executor_names IS NULL AND requires IS NULL AND concurrency_key IS NULL AND rate_key IS NULL
               AND (
                   (SELECT functions FROM asked) IS NULL
                   OR function = ANY ((SELECT functions FROM asked)::text[])
                   OR EXISTS (
                       SELECT FROM unnest((SELECT prefixes FROM asked)) AS beginning
                       WHERE starts_with(function, beginning)
                   )
               ) AS is_plain
        FROM apiary.queue
        WHERE colony = $1 AND executor_type = $2 AND NOT (SELECT is_so FROM restricted)
        ORDER BY priority_time_us, process_id
        LIMIT 256
        FOR UPDATE SKIP LOCKED
    ) AS lane
    LIMIT (SELECT cardinality(executors) FROM asked)
),
-- A process without a spec is not plain: the other statements report it.
found AS MATERIALIZED (
    SELECT next.process_id, row_number() OVER (ORDER BY next.priority_time_us, next.process_id) AS place,
           next.is_plain AND spec.process_id IS NOT NULL AS is_plain, spec.function, spec.max_exec_ms, spec.max_retries,
           spec.submitter, spec.payload, spec.signature, spec.digest
    FROM next
    LEFT JOIN (
        SELECT * FROM apiary.specs WHERE process_id = ANY (ARRAY (SELECT process_id FROM next))
    ) AS spec ON spec.process_id = next.process_id
),
verdict AS MATERIALIZED (
    SELECT NOT (SELECT is_so FROM restricted) AND coalesce(bool_and(is_plain), true) AS is_plain, count(*) AS found FROM found
),
taken AS (
    DELETE FROM apiary.queue AS waiting
    USING found
    WHERE waiting.process_id = ANY (ARRAY (SELECT process_id FROM next)) AND waiting.process_id = found.process_id
        AND (SELECT is_plain FROM verdict)
    RETURNING waiting.process_id, waiting.colony, waiting.attempt, waiting.retries_spent, waiting.executor_type,
              waiting.function, waiting.concurrency_key, found.place, found.max_exec_ms
),
leased AS (
    INSERT INTO apiary.leases (
        process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent,
        executor_type, function, concurrency_key
    )
    SELECT process_id, colony, (SELECT executors FROM asked)[place], $9,
           least($9 + (SELECT lease_ms FROM asked)[place], CASE WHEN max_exec_ms > 0 THEN $9 + max_exec_ms END),
           CASE WHEN max_exec_ms > 0 THEN $9 + max_exec_ms END,
           attempt + 1, retries_spent, executor_type, function, concurrency_key
    FROM taken
    RETURNING process_id, executor, attempt, retries_spent, expires_at_ms
),
rest AS (
    SELECT CASE
        WHEN verdict.is_plain
            AND (verdict.found < cardinality(asked.executors) OR cardinality(asked.executors) = 1)
        THEN (
            SELECT 1
            FROM apiary.queue AS other
            WHERE other.colony = $1 AND other.executor_type = $2
                AND other.process_id NOT IN (SELECT process_id FROM next)
            ORDER BY other.priority_time_us, other.process_id
            LIMIT 1
        ) IS NULL
        ELSE false
    END AS is_lane_empty, verdict.is_plain
    FROM verdict
    CROSS JOIN asked
)
SELECT rest.is_plain::int::bigint AS is_plain, rest.is_lane_empty::int::bigint AS is_lane_empty, found.place - 1 AS place,
       leased.process_id, leased.executor, leased.attempt, leased.retries_spent, $9 AS claimed_at_ms, leased.expires_at_ms,
       found.function, found.max_retries, found.submitter, found.payload, found.signature, found.digest
FROM rest
LEFT JOIN leased ON true
LEFT JOIN found ON found.process_id = leased.process_id
ORDER BY found.place
