-- Inserts blocked processes into `queue`; their `max_wait` starts now.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits, ?3 now_ms.
-- Race won: it runs inside the one write transaction; `leave_blocked.sql` deletes them from `blocked`.
INSERT INTO queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT held.process_id, held.colony, spec.priority_time_us, ?3,
       CASE WHEN spec.max_wait_ms > 0 THEN ?3 + spec.max_wait_ms END,
       held.attempt, held.retries_spent, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM blocked AS held
JOIN specs AS spec ON spec.process_id = held.process_id
WHERE held.colony = ?1 AND held.process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
