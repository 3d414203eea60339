-- The limits of concurrency keys, for those among them that cancel what is too much. ?1 colony.
-- Race won: it runs inside the one write transaction.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst
FROM limits
WHERE colony = ?1 AND kind = 'concurrency_key'
