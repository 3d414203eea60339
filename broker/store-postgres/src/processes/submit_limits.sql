-- The limits on concurrency keys; the caller selects those that cancel.
-- $1 colony: bigint.
-- Race won: it runs under `limits/lock.sql`, which a change of a limit takes, too.
SELECT kind, pattern, running_max, policy, rate_count, interval_ms, burst
FROM apiary.limits
WHERE colony = $1 AND kind = 'concurrency_key'
