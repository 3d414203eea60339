-- The use of limits by these keys and names.
-- $1 colony: bigint, $2 kind: text[], $3 key: text[].
-- Race won: it runs under `limits/lock.sql`, so the leases of other claims are committed and counted. A lease that ends meanwhile wakes
-- the claims that wait for its place.
SELECT asked.kind, asked.key,
       CASE asked.kind
           WHEN 'concurrency_key' THEN (
               SELECT count(*) FROM apiary.leases AS lease
               WHERE lease.colony = $1 AND lease.concurrency_key = asked.key
           )
           WHEN 'executor_type' THEN (
               SELECT count(*) FROM apiary.leases AS lease
               WHERE lease.colony = $1 AND lease.executor_type = asked.key
           )
           WHEN 'function' THEN (
               SELECT count(*) FROM apiary.leases AS lease WHERE lease.colony = $1 AND lease.function = asked.key
           )
           ELSE 0
       END AS running,
       0::bigint AS waiting, bucket.tokens, bucket.filled_at_ms
FROM unnest($2::text[], $3::text[]) AS asked (kind, key)
LEFT JOIN apiary.buckets AS bucket ON bucket.colony = $1 AND bucket.kind = asked.kind AND bucket.key = asked.key
