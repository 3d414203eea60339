-- A page of the log lines of a colony that match, oldest first. Absent filters are null.
-- ?1 colony, ?2 executor, ?3 since_ms, ?4 level, ?5 pattern, ?6 after this line, ?7 at most.
-- Race won: a page starts after a line, not at a count, so that a line logged meanwhile shifts nothing.
SELECT log.line, log.process_id, log.attempt, executor.name AS executor_name, log.time_ms, log.level, log.message,
       log.fields
FROM logs AS log
LEFT JOIN grants AS executor ON executor.key = log.executor AND executor.colony = log.colony
WHERE log.colony = ?1
    AND (?2 IS NULL OR executor.name = ?2)
    AND (?3 IS NULL OR log.time_ms >= ?3)
    AND (?4 IS NULL OR log.level = ?4)
    AND (?5 IS NULL OR log.message LIKE ?5 ESCAPE '\')
    AND log.line > ?6
ORDER BY log.line
LIMIT ?7
