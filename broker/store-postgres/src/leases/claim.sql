-- Moves locked processes from `queue` to `leases`, and returns them with their specs.
-- $1 process_id: uuid[], $2 executor: bigint[], $3 lease_ms: bigint[], $4 now_ms: bigint.
-- Race won: the rows are locked by `claim_candidates.sql` in the same transaction, so all of them are still there.
WITH taken AS (
    DELETE FROM apiary.queue AS waiting
    USING unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS item (process_id, executor, lease_ms)
    WHERE waiting.process_id = item.process_id
    RETURNING waiting.process_id, waiting.colony, waiting.attempt, waiting.retries_spent, waiting.executor_type,
              waiting.function, waiting.concurrency_key, item.executor, item.lease_ms
),
leased AS (
    INSERT INTO apiary.leases (
        process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent,
        executor_type, function, concurrency_key
    )
    SELECT taken.process_id, taken.colony, taken.executor, $4,
           least($4 + taken.lease_ms, CASE WHEN spec.max_exec_ms > 0 THEN $4 + spec.max_exec_ms END),
           CASE WHEN spec.max_exec_ms > 0 THEN $4 + spec.max_exec_ms END,
           taken.attempt + 1, taken.retries_spent, taken.executor_type, taken.function, taken.concurrency_key
    FROM taken
    JOIN apiary.specs AS spec ON spec.process_id = taken.process_id
    RETURNING process_id, executor, attempt, retries_spent, expires_at_ms
)
SELECT leased.process_id, leased.executor, leased.attempt, leased.retries_spent, leased.expires_at_ms,
       spec.max_retries, spec.submitter, spec.payload, spec.signature
FROM leased
JOIN apiary.specs AS spec ON spec.process_id = leased.process_id
