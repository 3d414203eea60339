-- What waits, by colony and executor type, and since when the first of each could run: at most a thousand, the oldest first.
-- $1 colony: bigint, or null for all. Race: none; it is for showing.
SELECT colony.key, colony.id, colony.name, colony.created_at_ms, waiting.executor_type, waiting.count, waiting.since_ms
FROM (
    SELECT colony, executor_type, count(*) AS count, min(since_ms) AS since_ms
    FROM apiary.queue
    WHERE $1::bigint IS NULL OR colony = $1
    GROUP BY colony, executor_type
    ORDER BY min(since_ms)
    LIMIT 1000
) AS waiting
JOIN apiary.colonies AS colony ON colony.key = waiting.colony
ORDER BY waiting.since_ms
