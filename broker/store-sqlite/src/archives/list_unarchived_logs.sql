-- The logs of processes, oldest line first. ?1 process_id: JSON list of hexadecimal digits.
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT logs.process_id, logs.line, logs.attempt, executor.name AS executor_name, logs.time_ms, logs.level, logs.message, logs.fields
FROM logs
LEFT JOIN grants AS executor ON executor.key = logs.executor
WHERE logs.process_id IN (SELECT unhex(named.value) FROM json_each(?1) AS named)
ORDER BY logs.line
