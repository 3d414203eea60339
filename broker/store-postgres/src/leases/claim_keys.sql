-- The concurrency keys in use, with the number of their leases.
-- $1 colony: bigint, $2 at most: bigint.
-- Further keys are counted when a candidate has them.
-- Race won: it runs under `limits/lock.sql`, so the leases of other claims are committed and counted. A lease that ends meanwhile wakes
-- the claims that wait for its place.
SELECT 'concurrency_key' AS kind, concurrency_key AS key, count(*) AS running, 0::bigint AS waiting,
       NULL::double precision AS tokens, NULL::bigint AS filled_at_ms
FROM apiary.leases
WHERE colony = $1 AND concurrency_key IS NOT NULL
GROUP BY concurrency_key
LIMIT $2
