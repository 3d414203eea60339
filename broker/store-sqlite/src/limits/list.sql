-- The limits of a colony, by kind and pattern. ?1 colony, ?2 at most.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst, set_by, set_at_ms
FROM limits
WHERE colony = ?1
ORDER BY kind, pattern
LIMIT ?2
