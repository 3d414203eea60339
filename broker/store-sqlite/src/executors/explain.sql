-- Waiting work of an executor type, grouped by everything that decides which executors may have it: the thousand largest groups among
-- the first rows.
-- ?1 colony, ?2 executor_type, ?3 rows at most.
-- No race: it is for display only.
SELECT function, executor_names, requires, concurrency_key, rate_key, count(*) AS count, min(since_ms) AS since_ms
FROM (
    SELECT function, executor_names AS executor_names, requires AS requires, concurrency_key, rate_key, since_ms
    FROM queue
    WHERE colony = ?1 AND executor_type = ?2
    ORDER BY priority_time_us, process_id
    LIMIT ?3
) AS first
GROUP BY function, executor_names, requires, concurrency_key, rate_key
ORDER BY count(*) DESC
LIMIT 1000
