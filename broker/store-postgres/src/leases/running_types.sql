-- Running work by executor type, of all colonies, the longest run first: at most a thousand rows.
-- No race: it is for display only. It reads all of `leases`, which holds only what runs now.
SELECT executor_type, count(*) AS count, min(claimed_at_ms) AS since_ms
FROM apiary.leases
GROUP BY executor_type
ORDER BY since_ms
LIMIT 1000
