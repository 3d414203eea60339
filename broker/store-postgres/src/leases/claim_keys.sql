-- The concurrency keys in use, and by how many leases. $1 colony: bigint, $2 at most: bigint. Those that are not read are
-- counted where they are met.
-- Race won: it runs under `limits/lock.sql`, so what other claims took is committed and counted. What ends meanwhile wakes
-- whoever waits for its place.
SELECT 'concurrency_key' AS kind, concurrency_key AS key, count(*) AS running, 0::bigint AS waiting,
       NULL::double precision AS tokens, NULL::bigint AS filled_at_ms
FROM apiary.leases
WHERE colony = $1 AND concurrency_key IS NOT NULL
GROUP BY concurrency_key
LIMIT $2
