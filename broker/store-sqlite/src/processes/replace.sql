-- Reserves a dead letter or a failed process for its replacement. No row if another replacement is reserved, or the id of the
-- replacement exists.
-- ?1 colony, ?2 process_id: blob, ?3 the other's process_id: blob, ?4 now_ms.
-- Race won: there is one writer.
UPDATE finished
SET replaced_by = ?3, replacing_since_ms = ?4
WHERE colony = ?1 AND process_id = ?2 AND state IN ('dead_letter', 'failed')
    AND (
        replaced_by = ?3
        OR (replaced_by IS NULL AND NOT EXISTS (SELECT 1 FROM specs AS other WHERE other.process_id = ?3))
    )
RETURNING process_id
