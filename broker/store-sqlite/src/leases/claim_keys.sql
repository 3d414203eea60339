-- The concurrency keys in use, and by how many leases. ?1 colony, ?2 at most. Those that are not read are
-- counted where they are met.
-- Race won: it runs inside the one write transaction. What ends afterwards wakes whoever waits for its place.
SELECT 'concurrency_key' AS kind, concurrency_key AS key, count(*) AS running, 0 AS waiting,
       NULL AS tokens, NULL AS filled_at_ms
FROM leases
WHERE colony = ?1 AND concurrency_key IS NOT NULL
GROUP BY concurrency_key
LIMIT ?2
