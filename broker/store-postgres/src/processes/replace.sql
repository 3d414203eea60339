-- Keeps a dead letter or a failed process for another to take its place. One that another is to replace stays, and so
-- does one whose replacement is there already: no row.
-- $1 colony: bigint, $2 process_id: uuid, $3 the other's process_id: uuid, $4 now_ms: bigint.
-- Race won: of two that replace, redrive or delete it, one finds its row as it was.
UPDATE apiary.finished
SET replaced_by = $3, replacing_since_ms = $4
WHERE colony = $1 AND process_id = $2 AND state IN ('dead_letter', 'failed')
    AND (
        replaced_by = $3
        OR (replaced_by IS NULL AND NOT EXISTS (SELECT 1 FROM apiary.specs AS other WHERE other.process_id = $3))
    )
RETURNING process_id
