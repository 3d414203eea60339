-- The number of processes in each state; states without processes are left out.
-- ?1 colony.
-- Race won: one statement sees one moment, so that no process is counted twice or not at all.
SELECT 'waiting' AS state, count(*) AS processes FROM queue WHERE colony = ?1 HAVING count(*) > 0
UNION ALL
SELECT 'blocked', count(*) FROM blocked WHERE colony = ?1 HAVING count(*) > 0
UNION ALL
SELECT 'running', count(*) FROM leases WHERE colony = ?1 HAVING count(*) > 0
UNION ALL
SELECT state, count(*) FROM finished WHERE colony = ?1 GROUP BY state
