-- The number of processes in each state; states without processes are left out.
-- $1 colony: bigint.
-- Race won: one statement sees one moment, so that no process is counted twice or not at all.
SELECT state, count(*) AS processes FROM apiary.states WHERE colony = $1 GROUP BY state
