-- Stores new processes: spec, idempotency key, and a row in `queue`, `blocked` or, if a poll takes it at once, `leases`. Returns the stored
-- ones; `is_handed_over` is 0 if nothing was leased.
-- $1 process_id: uuid[], $2 colony: bigint[], $3 submitter: bigint[], $4 priority_time_us: bigint[], $5 max_wait_ms: bigint[],
-- $6 max_exec_ms: bigint[], $7 submitted_at_ms: bigint[], $8 priority: integer[], $9 max_retries: integer[], $10 function: text[],
-- $11 executor_type: text[], $12 executor_names: text[] (JSON or null), $13 labels: text[] (JSON or null), $14 not_before_ms: bigint[],
-- $15 idempotency_key: text[], $16 idempotency_expires_at_ms: bigint[], $17 digest: bytea[], $18 signature: bytea[],
-- $19 payload: bytea[], $20 requires: text[] (JSON or null), $21 concurrency_key: text[], $22 rate_key: text[],
-- $23 submit_by_ms: bigint[], $24 now_ms: bigint, $25 parents that have not succeeded: text[] (JSON or null),
-- $26 batches that the signatures refer to: bytea[], $27 their bytes: bytea[], $28 the executor that takes each at once: bigint[] (null for
-- none), $29 when its lease ends: bigint[]; the lane of those that are taken, $30 colony: bigint (null if none is) and $31 executor_type:
-- text; $32 names: text[] and $33 grants: bigint[] of all executors whose polls take some, $34 instance of each lease: bigint[].
-- A process is not stored if its process id or live idempotency key exists, or if it was deleted.
-- The two sub-selects of `fresh` look each item up in an index. `NOT EXISTS` would be a join, for which all specs are read while the
-- statistics say that there are few. No later step joins items either: that would compare every item with every other.
-- Races won:
-- - Same key at two brokers: the second waits for the first's commit, then finds the key live and gets no row. Keys are inserted in one
--   order everywhere, so that two batches cannot wait for each other.
-- - One statement sees one moment, so a pause, drain, limit or revocation that was committed before it applies, as in `claim_plain.sql`.
-- - Same process id at two brokers, under different keys: the whole second statement fails on the primary key of `specs`, and is run
--   again; so no key ever points at a process that its batch did not store.
WITH restricted AS MATERIALIZED (
    SELECT $30::bigint IS NULL
        OR EXISTS (SELECT FROM apiary.pauses WHERE colony = $30 AND (kind <> 'executor_type' OR name = $31))
        OR EXISTS (SELECT FROM apiary.drains WHERE colony = $30 AND name = ANY ($32::text[]))
        OR EXISTS (
            SELECT FROM apiary.limits
            WHERE colony = $30 AND (kind = 'function' OR (kind = 'executor_type' AND pattern = $31))
        )
        OR EXISTS (SELECT FROM apiary.grants WHERE key = ANY ($33::bigint[]) AND revoked_from_ms IS NOT NULL)
        OR (
            SELECT 1 FROM apiary.queue
            WHERE colony = $30 AND executor_type = $31
            ORDER BY priority_time_us, process_id
            LIMIT 1
        ) IS NOT NULL AS is_so
),
fresh AS (
    SELECT item.*
    FROM unnest(
        $1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::integer[],
        $9::integer[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::text[], $16::bigint[],
        $17::bytea[], $18::bytea[], $19::bytea[], $20::text[], $21::text[], $22::text[], $23::bigint[], $25::text[],
        $28::bigint[], $29::bigint[], $34::bigint[]
    ) AS item (
        process_id, colony, submitter, priority_time_us, max_wait_ms, max_exec_ms, submitted_at_ms, priority,
        max_retries, function, executor_type, executor_names, labels, not_before_ms, idempotency_key,
        idempotency_expires_at_ms, digest, signature, payload, requires, concurrency_key, rate_key, submit_by_ms, parents,
        executor, expires_at_ms, instance
    )
    WHERE (SELECT 1 FROM apiary.specs AS known WHERE known.process_id = item.process_id) IS NULL
        AND (SELECT 1 FROM apiary.deleted AS gone WHERE gone.process_id = item.process_id) IS NULL
),
keyed AS (
    INSERT INTO apiary.idempotency_keys AS held (colony, function, key, process_id, expires_at_ms)
    SELECT colony, function, idempotency_key, process_id, idempotency_expires_at_ms
    FROM fresh
    WHERE idempotency_key IS NOT NULL
    ORDER BY colony, function, idempotency_key
    ON CONFLICT (colony, function, key) DO UPDATE
        SET process_id = excluded.process_id, expires_at_ms = excluded.expires_at_ms
        WHERE held.expires_at_ms <= $24
    RETURNING held.process_id
),
accepted AS (
    SELECT * FROM fresh
    WHERE idempotency_key IS NULL OR process_id IN (SELECT keyed.process_id FROM keyed)
),
kept AS (
    INSERT INTO apiary.specs (
        process_id, colony, submitter, priority_time_us, submitted_at_ms, submit_by_ms, max_wait_ms, max_exec_ms, priority,
        max_retries, function, executor_type, digest, executor_names, labels, requires, concurrency_key, rate_key, signature,
        payload
    )
    SELECT
        process_id, colony, submitter, priority_time_us, submitted_at_ms, submit_by_ms,
        CASE WHEN max_wait_ms > 0 THEN max_wait_ms END, CASE WHEN max_exec_ms > 0 THEN max_exec_ms END, priority, max_retries,
        function, executor_type, digest, executor_names::jsonb, labels::jsonb, requires::jsonb, concurrency_key, rate_key,
        signature, payload
    FROM accepted
    RETURNING specs.process_id, specs.signature
),
signed AS (
    INSERT INTO apiary.signature_batches AS known (batch, members, signed)
    SELECT batch, members, given.signed
    FROM unnest($26::bytea[], $27::bytea[]) AS given (batch, signed)
    JOIN (
        SELECT substring(signature FROM 1 FOR 16) AS batch, count(*) AS members
        FROM kept
        WHERE octet_length(signature) = 20
        GROUP BY 1
    ) AS member USING (batch)
    ORDER BY batch
    ON CONFLICT (batch) DO UPDATE SET members = known.members + excluded.members
),
waiting AS (
    INSERT INTO apiary.queue (
        process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
        executor_names, function, requires, concurrency_key, rate_key
    )
    SELECT
        process_id, colony, priority_time_us, $24, CASE WHEN max_wait_ms > 0 THEN $24 + max_wait_ms END, 0, 0,
        executor_type, executor_names::jsonb, function, requires::jsonb, concurrency_key, rate_key
    FROM accepted
    WHERE (not_before_ms IS NULL OR not_before_ms <= $24) AND parents IS NULL
        AND (executor IS NULL OR (SELECT is_so FROM restricted))
),
leased AS (
    INSERT INTO apiary.leases (
        process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent, executor_type,
        function, instance
    )
    SELECT process_id, colony, executor, $24, expires_at_ms, CASE WHEN max_exec_ms > 0 THEN $24 + max_exec_ms END, 1, 0,
           executor_type, function, instance
    FROM accepted
    WHERE executor IS NOT NULL AND NOT (SELECT is_so FROM restricted)
),
set_aside AS (
    INSERT INTO apiary.blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause, parents_left)
    SELECT process_id, colony, $24, greatest(not_before_ms, $24), 0, 0,
           CASE WHEN parents IS NULL THEN 'not_before' ELSE 'parents' END, jsonb_array_length(parents::jsonb)
    FROM accepted
    WHERE not_before_ms > $24 OR parents IS NOT NULL
),
dependent AS (
    INSERT INTO apiary.dependencies (child, parent)
    SELECT process_id, parent::uuid
    FROM accepted
    CROSS JOIN LATERAL jsonb_array_elements_text(parents::jsonb) AS parent
    WHERE parents IS NOT NULL
)
SELECT process_id, (NOT (SELECT is_so FROM restricted))::int::bigint AS is_handed_over FROM kept
