-- The last log lines of a process that match, newest first. Absent filters are null.
-- ?1 colony, ?2 process_id: blob, ?3 executor, ?4 since_ms, ?5 level, ?6 pattern, ?7 at most.
-- Race: lines logged meanwhile are not included. The plus sign keeps SQLite from the index by colony: the one by process is shorter.
SELECT log.line, log.process_id, log.attempt, executor.name AS executor_name, log.time_ms, log.level, log.message,
       log.fields
FROM logs AS log
LEFT JOIN grants AS executor ON executor.key = log.executor AND executor.colony = log.colony
WHERE +log.colony = ?1 AND log.process_id = ?2
    AND (?3 IS NULL OR executor.name = ?3)
    AND (?4 IS NULL OR log.time_ms >= ?4)
    AND (?5 IS NULL OR log.level = ?5)
    AND (?6 IS NULL OR log.message LIKE ?6 ESCAPE '\')
ORDER BY log.line DESC
LIMIT ?7
