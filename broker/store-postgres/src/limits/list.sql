-- The limits of a colony, by kind and pattern. $1 colony: bigint, $2 at most: bigint.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst, set_by, set_at_ms
FROM apiary.limits
WHERE colony = $1
ORDER BY kind COLLATE "C", pattern COLLATE "C"
LIMIT $2
