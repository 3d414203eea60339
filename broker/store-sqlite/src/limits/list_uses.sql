-- The use of limits by the keys and names of a colony, the greatest use first.
-- ?1 colony, ?2 at most.
-- Functions and executor types are listed only if they are limited.
WITH used AS (
    SELECT 'concurrency_key' AS kind, concurrency_key AS key, count(*) AS running, 0 AS waiting
    FROM leases
    WHERE colony = ?1 AND concurrency_key IS NOT NULL
    GROUP BY concurrency_key
    UNION ALL
    SELECT 'concurrency_key', concurrency_key, 0, count(*)
    FROM queue
    WHERE colony = ?1 AND concurrency_key IS NOT NULL
    GROUP BY concurrency_key
    UNION ALL
    SELECT 'rate_key', spec.rate_key, count(*), 0
    FROM leases AS lease
    JOIN specs AS spec ON spec.process_id = lease.process_id
    WHERE lease.colony = ?1 AND spec.rate_key IS NOT NULL
    GROUP BY spec.rate_key
    UNION ALL
    SELECT 'rate_key', rate_key, 0, count(*)
    FROM queue
    WHERE colony = ?1 AND rate_key IS NOT NULL
    GROUP BY rate_key
    UNION ALL
    SELECT named.kind, named.pattern,
           (
               SELECT count(*) FROM leases AS lease
               WHERE lease.colony = ?1
                   AND CASE named.kind WHEN 'function' THEN lease.function ELSE lease.executor_type END = named.pattern
           ),
           (
               SELECT count(*) FROM queue AS waiting
               WHERE waiting.colony = ?1
                   AND CASE named.kind WHEN 'function' THEN waiting.function ELSE waiting.executor_type END = named.pattern
           )
    FROM limits AS named
    WHERE named.colony = ?1 AND named.kind IN ('executor_type', 'function')
    UNION ALL
    SELECT kind, key, 0, 0 FROM buckets WHERE colony = ?1
),
summed AS (
    SELECT kind, key, sum(running) AS running, sum(waiting) AS waiting
    FROM used
    GROUP BY kind, key
)
SELECT summed.kind, summed.key, summed.running, summed.waiting, bucket.tokens, bucket.filled_at_ms
FROM summed
LEFT JOIN buckets AS bucket
    ON bucket.colony = ?1 AND bucket.kind = summed.kind AND bucket.key = summed.key
ORDER BY summed.running DESC, summed.waiting DESC, summed.kind, summed.key
LIMIT ?2
