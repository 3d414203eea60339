-- Gives leases back: from `leases` to `queue`, at their place, no retry spent. Returns those that were given back.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 now_ms: bigint.
-- Race won: whoever deletes the lease first ends the attempt.
WITH ended AS (
    DELETE FROM apiary.leases AS lease
    USING unnest($1::uuid[], $2::integer[], $3::bigint[]) AS item (process_id, attempt, executor)
    WHERE lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
        AND lease.expires_at_ms > $4
    RETURNING lease.process_id, lease.colony, lease.executor, lease.claimed_at_ms, lease.attempt, lease.retries_spent
),
kept AS (
    INSERT INTO apiary.attempts (process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending)
    SELECT process_id, attempt, executor, claimed_at_ms, $4, 'released' FROM ended
),
waiting AS (
    INSERT INTO apiary.queue (
        process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
        executor_names, function, requires, concurrency_key, rate_key
    )
    SELECT ended.process_id, ended.colony, spec.priority_time_us, $4,
           CASE WHEN spec.max_wait_ms > 0 THEN $4 + spec.max_wait_ms END,
           ended.attempt, ended.retries_spent, spec.executor_type, spec.executor_names,
           spec.function, spec.requires, spec.concurrency_key, spec.rate_key
    FROM ended
    JOIN apiary.specs AS spec ON spec.process_id = ended.process_id
)
SELECT process_id FROM ended
