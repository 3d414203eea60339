-- The number of processes in each state; states without processes are left out.
-- $1 colony: bigint, or null for all.
-- Exact, from the counters that triggers keep: it reads neither the waiting processes nor the history. `leases` holds only what runs now.
-- Race won: one statement sees one moment, so that no process is counted twice or not at all.
WITH counted AS MATERIALIZED (
    SELECT state, sum(change)::bigint AS processes
    FROM (
        SELECT state, number AS change FROM apiary.counts
        WHERE colony >= coalesce($1::bigint, -9223372036854775808) AND colony <= coalesce($1::bigint, 9223372036854775807)
        UNION ALL
        SELECT state, change FROM apiary.count_changes
        WHERE colony >= coalesce($1::bigint, -9223372036854775808) AND colony <= coalesce($1::bigint, 9223372036854775807)
    ) AS changes
    GROUP BY state
),
running AS MATERIALIZED (
    SELECT count(*) AS processes FROM apiary.leases WHERE $1::bigint IS NULL OR colony = $1
)
SELECT state, processes FROM counted WHERE state <> 'all' AND processes > 0
UNION ALL
SELECT 'running', processes FROM running WHERE processes > 0
UNION ALL
SELECT 'waiting', waiting.processes
FROM (
    SELECT sum(CASE state WHEN 'all' THEN processes ELSE - processes END)::bigint - (SELECT processes FROM running) AS processes
    FROM counted
) AS waiting
WHERE waiting.processes > 0
