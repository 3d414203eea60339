-- The number of processes that run under a limit, and the ten that have run longest.
-- $1 colony: bigint, $2 kind: text, $3 key: text.
-- Race: a place may get free the next moment; it is for display only.
SELECT process_id, count(*) OVER () AS running
FROM apiary.leases
WHERE colony = $1
    AND CASE $2
        WHEN 'concurrency_key' THEN concurrency_key
        WHEN 'executor_type' THEN executor_type
        WHEN 'function' THEN function
    END = $3
ORDER BY claimed_at_ms, process_id
LIMIT 10
