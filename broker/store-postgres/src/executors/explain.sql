-- Waiting work of an executor type, grouped by everything that decides which executors may have it: the thousand largest groups among
-- the first rows.
-- $1 colony: bigint, $2 executor_type: text, $3 rows at most: bigint.
-- Comparisons of rows make every estimate large, so that the index of the lane is read in its order, whatever the statistics say.
-- No race: it is for display only.
SELECT function, executor_names, requires, concurrency_key, rate_key, count(*) AS count, min(since_ms) AS since_ms
FROM (
    SELECT function, executor_names::text AS executor_names, requires::text AS requires, concurrency_key, rate_key, since_ms
    FROM apiary.queue
    WHERE (colony, executor_type) >= ($1, $2) AND (colony, executor_type) <= ($1, $2)
    ORDER BY colony, executor_type, priority_time_us, process_id
    LIMIT $3
) AS first
GROUP BY function, executor_names, requires, concurrency_key, rate_key
ORDER BY count(*) DESC
LIMIT 1000
