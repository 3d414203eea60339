-- A page of the log lines of a colony that match, oldest first. Absent filters are null.
-- $1 colony: bigint, $2 executor: text, $3 since_ms: bigint, $4 level: text, $5 pattern: text, $6 after this line: bigint, $7 at
-- most: bigint.
-- Race won: a page starts after a line, not at a count, so that a line logged meanwhile shifts nothing.
SELECT log.line, log.process_id, log.attempt, executor.name AS executor_name, log.time_ms, log.level, log.message,
       log.fields
FROM apiary.logs AS log
LEFT JOIN apiary.grants AS executor ON executor.key = log.executor AND executor.colony = log.colony
WHERE log.colony = $1
    AND ($2::text IS NULL OR executor.name = $2)
    AND ($3::bigint IS NULL OR log.time_ms >= $3)
    AND ($4::text IS NULL OR log.level = $4)
    AND ($5::text IS NULL OR log.message COLLATE "C" ILIKE $5 ESCAPE '\')
    AND log.line > $6
ORDER BY log.line
LIMIT $7
