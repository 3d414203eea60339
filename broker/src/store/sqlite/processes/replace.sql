-- Keeps a dead letter or a failed process for another to take its place. One that another is to replace stays: no row.
-- ?1 colony, ?2 process_id: blob, ?3 the other's process_id: blob, ?4 now_ms.
-- Race won: there is one writer.
UPDATE finished
SET replaced_by = ?3, replacing_since_ms = ?4
WHERE colony = ?1 AND process_id = ?2 AND state IN ('dead_letter', 'failed')
    AND (replaced_by IS NULL OR replaced_by = ?3)
RETURNING process_id
