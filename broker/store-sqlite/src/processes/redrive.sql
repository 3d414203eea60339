-- Inserts dead letters and failed processes into `queue`, with all their retries. Their attempts stay, and the numbering continues.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits, ?3 now_ms.
-- Race won: it runs inside the one write transaction; `leave_finished.sql` deletes them from `finished`.
INSERT INTO queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT ended.process_id, ended.colony, spec.priority_time_us, ?3,
       CASE WHEN spec.max_wait_ms > 0 THEN ?3 + spec.max_wait_ms END,
       ended.attempt, 0, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM finished AS ended
JOIN specs AS spec ON spec.process_id = ended.process_id
WHERE ended.colony = ?1 AND ended.state IN ('dead_letter', 'failed') AND ended.replaced_by IS NULL
    AND ended.process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
