-- Gives leases back without spending a retry: moves processes from `leases` to `queue`, at their old place, or to `blocked`. If a
-- cancellation was requested, the process is cancelled instead. Returns the ended ones, and which of them were cancelled.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 ending: text[], $5 until_ms: bigint[] (null for at once),
-- $6 now_ms: bigint, $7 reason: text[], $8 surroundings: text[].
-- An attempt that ends as `surroundings` stores the time since which it and the attempts directly before it did so.
-- Race won: the first transaction that deletes the lease ends the attempt.
WITH ended AS (
    DELETE FROM apiary.leases AS lease
    USING unnest($1::uuid[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[], $7::text[], $8::text[])
        AS item (process_id, attempt, executor, ending, until_ms, reason, surroundings)
    WHERE lease.process_id = ANY ($1)
        AND lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
        AND lease.expires_at_ms > $6
    RETURNING lease.process_id, lease.colony, lease.executor, lease.claimed_at_ms, lease.attempt, lease.retries_spent,
              lease.cancel_deadline_ms IS NOT NULL AS cancelled, lease.cancel_reason, lease.cancel_by,
              item.ending, item.until_ms, item.reason, item.surroundings
),
kept AS (
    INSERT INTO apiary.attempts (
        process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, waits_on, waits_since_ms
    )
    SELECT ended.process_id, ended.attempt, ended.executor, ended.claimed_at_ms, $6, ended.ending, ended.reason,
           ended.surroundings,
           CASE WHEN ended.ending = 'surroundings' THEN coalesce(before.waits_since_ms, $6) END
    FROM ended
    LEFT JOIN apiary.attempts AS before
        ON before.process_id = ended.process_id AND before.attempt = ended.attempt - 1 AND before.process_id = ANY ($1)
),
waiting AS (
    INSERT INTO apiary.queue (
        process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
        executor_names, function, requires, concurrency_key, rate_key
    )
    SELECT ended.process_id, ended.colony, spec.priority_time_us, $6,
           CASE WHEN spec.max_wait_ms > 0 THEN $6 + spec.max_wait_ms END,
           ended.attempt, ended.retries_spent, spec.executor_type, spec.executor_names,
           spec.function, spec.requires, spec.concurrency_key, spec.rate_key
    FROM ended
    JOIN apiary.specs AS spec ON spec.process_id = ended.process_id AND spec.process_id = ANY ($1)
    WHERE ended.until_ms IS NULL AND NOT ended.cancelled
),
set_aside AS (
    INSERT INTO apiary.blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause)
    SELECT process_id, colony, $6, until_ms, attempt, retries_spent,
           CASE ending WHEN 'surroundings' THEN ending ELSE 'snooze' END
    FROM ended
    WHERE until_ms IS NOT NULL AND NOT cancelled
),
finished AS (
    INSERT INTO apiary.finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason, ended_by)
    SELECT process_id, colony, $6, attempt, retries_spent, 'cancelled', cancel_reason, cancel_by
    FROM ended
    WHERE cancelled
)
SELECT process_id, CASE WHEN cancelled THEN 1 ELSE 0 END::bigint AS cancelled FROM ended
