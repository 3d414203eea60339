-- The number of processes in each state; states without processes are left out.
-- $1 colony: bigint.
-- Each part is read from an index alone, as far as the pages are known to be visible to all.
-- Race won: one statement sees one moment, so that no process is counted twice or not at all.
SELECT 'waiting' AS state, count(*) AS processes FROM apiary.queue WHERE colony = $1 HAVING count(*) > 0
UNION ALL
SELECT 'blocked', count(*) FROM apiary.blocked WHERE colony = $1 HAVING count(*) > 0
UNION ALL
SELECT 'running', count(*) FROM apiary.leases WHERE colony = $1 HAVING count(*) > 0
UNION ALL
SELECT 'succeeded', count(*) FROM apiary.finished WHERE colony = $1 AND state = 'succeeded' HAVING count(*) > 0
UNION ALL
SELECT state, count(*) FROM apiary.finished WHERE colony = $1 AND state <> 'succeeded' GROUP BY state
