-- Gives back what is leased under revoked grants: from `leases` to `queue`, at their place, no retry spent; a cancelled one ends
-- with its deadline. $1 now_ms: bigint, $2 at most: bigint.
-- Race won: whoever deletes the lease first ends the attempt; two brokers pass over each other's rows.
WITH due AS (
    SELECT lease.process_id
    FROM apiary.leases AS lease
    WHERE lease.executor IN (SELECT key FROM apiary.grants WHERE revoked_from_ms IS NOT NULL)
        AND lease.cancel_deadline_ms IS NULL
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
ended AS (
    DELETE FROM apiary.leases AS lease
    USING due
    WHERE lease.process_id = due.process_id
    RETURNING lease.process_id, lease.colony, lease.executor, lease.claimed_at_ms, lease.attempt, lease.retries_spent
),
kept AS (
    INSERT INTO apiary.attempts (process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason)
    SELECT process_id, attempt, executor, claimed_at_ms, $1, 'removed', 'the executor''s grant was revoked' FROM ended
)
INSERT INTO apiary.queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT ended.process_id, ended.colony, spec.priority_time_us, $1,
       CASE WHEN spec.max_wait_ms > 0 THEN $1 + spec.max_wait_ms END,
       ended.attempt, ended.retries_spent, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM ended
JOIN apiary.specs AS spec ON spec.process_id = ended.process_id
RETURNING process_id, colony, executor_type
