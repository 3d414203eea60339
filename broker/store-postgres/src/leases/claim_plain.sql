-- Claims the next processes of a lane in one statement and transaction, if all of them are plain and nothing restricts the lane. Returns
-- a row for each lease, or one without; `is_plain` is 0 if the claim must be made by the other statements: then nothing is changed.
-- $1 colony: bigint, $2 executor_type: text, $3 executor: bigint[] and $4 lease_ms: bigint[] of each lease in turn, $5 names of the
-- executors: text[], $6 functions that they may run: text[], or null for all, $7 beginnings of further such functions: text[], $8 all
-- grants claimed under, each once: bigint[], $9 now_ms: bigint, $10 instance of each lease: bigint[].
-- `is_lane_empty` is determined only if it is likely, or for a single lease, because it reads the lane once more. A row that another broker
-- is claiming still counts as waiting. `ORDER BY` makes the server read the index of the lane, and no further than the first row.
-- Where work with keys waits, no row is locked: the claims that count pass over locked rows, and would take such work out of its order.
-- Race won: one statement sees one moment, so a pause, limit or revocation that was committed before it applies. Rows that another broker
-- is claiming are passed over, and those that are taken here are locked first.
-- One plan is made for all claims, since planning takes longer than the claim: so no estimate may depend on the parameters, which are read
-- from `asked`, nor on statistics. Rows are looked up by arrays or one by one, and never joined: a join would be planned for few rows, and
-- compare each with every other. `LIMIT 256` is the most of any claim; the limit outside stops the scan at the number asked for.
-- A row that changed since this statement began is locked in its new form, which the deletion does not see: it waits for the next claim.
WITH asked AS MATERIALIZED (
    SELECT $3::bigint[] AS executors, $4::bigint[] AS lease_ms, $5::text[] AS names, $6::text[] AS functions,
           $7::text[] AS prefixes, $8::bigint[] AS grants, $10::bigint[] AS instances
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
        )
        OR (
            SELECT 1 FROM apiary.queue
            WHERE colony = $1 AND executor_type = $2 AND (concurrency_key IS NOT NULL OR rate_key IS NOT NULL)
            LIMIT 1
        ) IS NOT NULL AS is_so
),
-- A process without a spec is not plain: the other statements report it.
next AS MATERIALIZED (
    SELECT spot, process_id, is_plain
    FROM (
        SELECT ctid AS spot, process_id,
               executor_names IS NULL AND requires IS NULL AND concurrency_key IS NULL AND rate_key IS NULL
               AND (
                   (SELECT functions FROM asked) IS NULL
                   OR function = ANY ((SELECT functions FROM asked)::text[])
                   OR EXISTS (
                       SELECT FROM unnest((SELECT prefixes FROM asked)) AS beginning
                       WHERE starts_with(function, beginning)
                   )
               )
               AND (SELECT 1 FROM apiary.specs AS spec WHERE spec.process_id = waiting.process_id) IS NOT NULL AS is_plain
        FROM apiary.queue AS waiting
        WHERE colony = $1 AND executor_type = $2 AND NOT (SELECT is_so FROM restricted)
        ORDER BY priority_time_us, process_id
        LIMIT 256
        FOR UPDATE SKIP LOCKED
    ) AS lane
    LIMIT (SELECT cardinality(executors) FROM asked)
),
verdict AS MATERIALIZED (
    SELECT NOT (SELECT is_so FROM restricted) AND coalesce(bool_and(is_plain), true) AS is_plain, count(*) AS found FROM next
),
taken AS (
    DELETE FROM apiary.queue
    WHERE ctid = ANY (ARRAY (SELECT spot FROM next WHERE (SELECT is_plain FROM verdict)))
    RETURNING process_id, colony, priority_time_us, attempt + 1 AS attempt, retries_spent, executor_type, function, concurrency_key,
              since_ms
),
placed AS MATERIALIZED (
    SELECT taken.*, row_number() OVER (ORDER BY priority_time_us, process_id) AS place FROM taken
),
claimed AS MATERIALIZED (
    SELECT placed.*, (SELECT executors FROM asked)[place] AS executor,
           (SELECT instances FROM asked)[place] AS instance,
           least($9 + (SELECT lease_ms FROM asked)[place], $9 + spec.max_exec_ms) AS expires_at_ms,
           $9 + spec.max_exec_ms AS exec_deadline_ms, spec.function AS spec_function, spec.max_retries, spec.submitter,
           spec.payload, spec.signature, spec.digest
    FROM placed
    CROSS JOIN LATERAL (SELECT * FROM apiary.specs WHERE specs.process_id = placed.process_id OFFSET 0) AS spec
),
leased AS (
    INSERT INTO apiary.leases (
        process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent,
        executor_type, function, concurrency_key, instance
    )
    SELECT process_id, colony, executor, $9, expires_at_ms, exec_deadline_ms, attempt, retries_spent, executor_type, function,
           concurrency_key, instance
    FROM claimed
),
rest AS (
    SELECT CASE
        WHEN verdict.is_plain
            AND (verdict.found < cardinality(asked.executors) OR cardinality(asked.executors) = 1)
            AND verdict.found = (SELECT count(*) FROM taken)
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
SELECT rest.is_plain::int::bigint AS is_plain, rest.is_lane_empty::int::bigint AS is_lane_empty, place - 1 AS place, process_id,
       executor, attempt, retries_spent, $9 AS claimed_at_ms, since_ms AS waiting_since_ms, expires_at_ms,
       spec_function AS function, max_retries, submitter, payload, signature, digest
FROM rest
LEFT JOIN claimed ON true
ORDER BY place
