-- The states of processes. $1 colony: bigint, $2 process_id: uuid[].
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
SELECT process_id, state FROM apiary.states WHERE colony = $1 AND process_id = ANY ($2)
