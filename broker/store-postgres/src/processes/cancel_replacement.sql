-- Lets go of a process whose replacement was never submitted.
-- $1 colony: bigint, $2 process_id: uuid, $3 to be replaced since then or before: bigint.
-- Race: one that is being submitted is not there yet; the time keeps it.
UPDATE apiary.finished
SET replaced_by = NULL, replacing_since_ms = NULL
WHERE colony = $1 AND process_id = $2 AND replacing_since_ms <= $3
    AND NOT EXISTS (SELECT 1 FROM apiary.specs AS other WHERE other.process_id = finished.replaced_by)
