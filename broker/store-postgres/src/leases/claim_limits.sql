-- The limits that can matter in a lane.
-- $1 colony: bigint, $2 executor_type: text.
-- Race won: it runs under `limits/lock.sql`, which a change of a limit takes, too.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst
FROM apiary.limits
WHERE colony = $1 AND (kind <> 'executor_type' OR pattern = $2)
