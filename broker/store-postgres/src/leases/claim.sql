-- Moves locked processes from `queue` to `leases`, and returns them with their specs.
-- $1 process_id: uuid[], $2 executor: bigint[], $3 lease_ms: bigint[], $4 now_ms: bigint, $5 instance: bigint[].
-- Race won: the rows are locked by `claim_candidates.sql` in the same transaction, so all of them are still there.
WITH taken AS (
    DELETE FROM apiary.queue AS waiting
    USING unnest($1::uuid[], $2::bigint[], $3::bigint[], $5::bigint[]) AS item (process_id, executor, lease_ms, instance),
          apiary.specs AS spec
    WHERE waiting.process_id = item.process_id AND spec.process_id = item.process_id
        AND waiting.process_id = ANY ($1) AND spec.process_id = ANY ($1)
    RETURNING waiting.process_id, waiting.colony, waiting.attempt + 1 AS attempt, waiting.retries_spent, waiting.executor_type,
              waiting.function, waiting.concurrency_key, waiting.since_ms, item.executor, item.instance,
              least($4 + item.lease_ms, $4 + spec.max_exec_ms) AS expires_at_ms, $4 + spec.max_exec_ms AS exec_deadline_ms,
              spec.function AS spec_function, spec.max_retries, spec.submitter, spec.payload, spec.signature, spec.digest
),
leased AS (
    INSERT INTO apiary.leases (
        process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent,
        executor_type, function, concurrency_key, instance
    )
    SELECT process_id, colony, executor, $4, expires_at_ms, exec_deadline_ms, attempt, retries_spent, executor_type, function,
           concurrency_key, instance
    FROM taken
)
SELECT process_id, executor, attempt, retries_spent, $4 AS claimed_at_ms, since_ms AS waiting_since_ms, expires_at_ms,
       spec_function AS function, max_retries, submitter, payload, signature, digest
FROM taken
