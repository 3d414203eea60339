-- Moves blocked processes from `blocked` to `queue`, except those that wait for parents; their `max_wait` starts now. Returns the moved
-- ones.
-- $1 colony: bigint, $2 process_id: uuid[], $3 now_ms: bigint.
-- Race won: the sweep that frees it by time deletes the same row, and only one of the two finds it.
WITH freed AS (
    DELETE FROM apiary.blocked
    WHERE colony = $1 AND process_id = ANY ($2) AND parents_left IS NULL
    RETURNING process_id, colony, attempt, retries_spent
)
INSERT INTO apiary.queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT freed.process_id, freed.colony, spec.priority_time_us, $3,
       CASE WHEN spec.max_wait_ms > 0 THEN $3 + spec.max_wait_ms END,
       freed.attempt, freed.retries_spent, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM freed
JOIN apiary.specs AS spec ON spec.process_id = freed.process_id AND spec.process_id = ANY ($2)
RETURNING process_id
