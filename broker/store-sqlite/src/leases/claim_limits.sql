-- The limits that can matter in a lane. ?1 colony, ?2 executor_type.
-- Race won: it runs inside the one write transaction.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst
FROM limits
WHERE colony = ?1 AND (kind <> 'executor_type' OR pattern = ?2)
