-- The states of processes and their beginnings, with flags for a replacement and for parents.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
SELECT life.process_id, life.state, life.since_ms, ended.replaced_by IS NOT NULL AS is_replaced,
       held.parents_left IS NOT NULL AS has_parents
FROM processes AS life
LEFT JOIN finished AS ended ON ended.process_id = life.process_id
LEFT JOIN blocked AS held ON held.process_id = life.process_id
WHERE life.colony = ?1 AND life.state IS NOT NULL
    AND life.process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
