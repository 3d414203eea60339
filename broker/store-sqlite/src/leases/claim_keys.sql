-- The concurrency keys in use, with the number of their leases.
-- ?1 colony, ?2 at most.
-- Further keys are counted when a candidate has them.
-- Race won: it runs inside the one write transaction. A lease that ends afterwards wakes the claims that wait for its place.
SELECT 'concurrency_key' AS kind, concurrency_key AS key, count(*) AS running, 0 AS waiting,
       NULL AS tokens, NULL AS filled_at_ms
FROM leases
WHERE colony = ?1 AND concurrency_key IS NOT NULL
GROUP BY concurrency_key
LIMIT ?2
