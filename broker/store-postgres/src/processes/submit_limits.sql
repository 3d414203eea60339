-- The limits of concurrency keys, for those among them that cancel what is too much. $1 colony: bigint.
-- Race won: it runs under `limits/lock.sql`, which whoever changes a limit holds, too.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst
FROM apiary.limits
WHERE colony = $1 AND kind = 'concurrency_key'
