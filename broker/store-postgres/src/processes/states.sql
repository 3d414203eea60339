-- The states of processes, with flags for a replacement and for parents.
-- $1 colony: bigint, $2 process_id: uuid[].
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
SELECT life.process_id, life.state, life.since_ms, (ended.replaced_by IS NOT NULL)::int::bigint AS is_replaced,
       (held.parents_left IS NOT NULL)::int::bigint AS has_parents
FROM apiary.states AS life
LEFT JOIN apiary.finished AS ended ON ended.process_id = life.process_id
LEFT JOIN apiary.blocked AS held ON held.process_id = life.process_id
WHERE life.colony = $1 AND life.process_id = ANY ($2)
