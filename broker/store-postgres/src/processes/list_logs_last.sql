-- The last log lines of a colony that match, newest first. Absent filters are null.
-- $1 colony: bigint, $2 executor: text, $3 since_ms: bigint, $4 level: text, $5 pattern: text, $6 at most: bigint.
-- Race: lines logged meanwhile are not included.
SELECT log.line, log.process_id, log.attempt, executor.name AS executor_name, log.time_ms, log.level, log.message,
       log.fields
FROM apiary.logs AS log
LEFT JOIN apiary.grants AS executor ON executor.key = log.executor AND executor.colony = log.colony
WHERE log.colony = $1
    AND ($2::text IS NULL OR executor.name = $2)
    AND ($3::bigint IS NULL OR log.time_ms >= $3)
    AND ($4::text IS NULL OR log.level = $4)
    AND ($5::text IS NULL OR log.message COLLATE "C" ILIKE $5 ESCAPE '\')
ORDER BY log.line DESC
LIMIT $6
