-- Inserts processes whose time has come into `queue`; their `max_wait` starts now.
-- ?1 now_ms, ?2 at most.
-- Race won: it runs inside the one write transaction.
INSERT INTO queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT held.process_id, held.colony, spec.priority_time_us, ?1,
       CASE WHEN spec.max_wait_ms > 0 THEN ?1 + spec.max_wait_ms END,
       held.attempt, held.retries_spent, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM blocked AS held
JOIN specs AS spec ON spec.process_id = held.process_id
WHERE held.until_ms <= ?1 AND held.parents_left IS NULL
ORDER BY held.until_ms
LIMIT ?2
RETURNING process_id, colony, executor_type
