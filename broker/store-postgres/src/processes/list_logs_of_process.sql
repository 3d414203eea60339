-- A page of the log lines of a process that match, oldest first. Absent filters are null.
-- $1 colony: bigint, $2 process_id: uuid, $3 executor: text, $4 since_ms: bigint, $5 level: text, $6 pattern: text, $7 after this
-- line: bigint, $8 at most: bigint.
-- Race won: a page starts after a line, not at a count, so that a line logged meanwhile shifts nothing.
SELECT log.line, log.process_id, log.attempt, executor.name AS executor_name, log.time_ms, log.level, log.message,
       log.fields
FROM apiary.logs AS log
LEFT JOIN apiary.grants AS executor ON executor.key = log.executor AND executor.colony = log.colony
WHERE log.colony = $1 AND log.process_id = $2
    AND ($3::text IS NULL OR executor.name = $3)
    AND ($4::bigint IS NULL OR log.time_ms >= $4)
    AND ($5::text IS NULL OR log.level = $5)
    AND ($6::text IS NULL OR log.message COLLATE "C" ILIKE $6 ESCAPE '\')
    AND log.line > $7
ORDER BY log.line
LIMIT $8
