-- The use of limits by these keys and names.
-- ?1 colony, ?2 counters: JSON list of `kind` and `key`.
-- Race won: it runs inside the one write transaction. A lease that ends afterwards wakes the claims that wait for its place.
SELECT asked.value ->> 'kind' AS kind, asked.value ->> 'key' AS key,
       CASE asked.value ->> 'kind'
           WHEN 'concurrency_key' THEN (
               SELECT count(*) FROM leases AS lease
               WHERE lease.colony = ?1 AND lease.concurrency_key = asked.value ->> 'key'
           )
           WHEN 'executor_type' THEN (
               SELECT count(*) FROM leases AS lease
               WHERE lease.colony = ?1 AND lease.executor_type = asked.value ->> 'key'
           )
           WHEN 'function' THEN (
               SELECT count(*) FROM leases AS lease
               WHERE lease.colony = ?1 AND lease.function = asked.value ->> 'key'
           )
           ELSE 0
       END AS running,
       0 AS waiting, bucket.tokens, bucket.filled_at_ms
FROM json_each(?2) AS asked
LEFT JOIN buckets AS bucket
    ON bucket.colony = ?1 AND bucket.kind = asked.value ->> 'kind' AND bucket.key = asked.value ->> 'key'
