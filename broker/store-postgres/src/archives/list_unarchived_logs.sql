-- The logs of processes, oldest line first. $1 process_id: uuid[].
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT logs.process_id, logs.line, logs.attempt, executor.name AS executor_name, logs.time_ms, logs.level, logs.message, logs.fields
FROM apiary.logs
LEFT JOIN apiary.grants AS executor ON executor.key = logs.executor
WHERE logs.process_id = ANY ($1)
ORDER BY logs.line
