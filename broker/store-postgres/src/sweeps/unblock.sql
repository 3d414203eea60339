-- Moves processes whose time has come from `blocked` to `queue`; their `max_wait` starts now.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Race won: two brokers that sweep at once pass over each other's rows, and each row is moved once.
WITH due AS (
    SELECT process_id
    FROM apiary.blocked
    WHERE until_ms <= $1 AND parents_left IS NULL
    ORDER BY until_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
freed AS (
    DELETE FROM apiary.blocked AS held
    USING due
    WHERE held.process_id = due.process_id
    RETURNING held.process_id, held.colony, held.attempt, held.retries_spent
)
INSERT INTO apiary.queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT freed.process_id, freed.colony, spec.priority_time_us, $1,
       CASE WHEN spec.max_wait_ms > 0 THEN $1 + spec.max_wait_ms END,
       freed.attempt, freed.retries_spent, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM freed
JOIN apiary.specs AS spec ON spec.process_id = freed.process_id
RETURNING process_id, colony, executor_type
