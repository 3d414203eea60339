-- The limits on concurrency keys; the caller selects those that cancel.
-- ?1 colony.
-- Race won: it runs inside the one write transaction.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst
FROM limits
WHERE colony = ?1 AND kind = 'concurrency_key'
