-- Ends the reservation for a replacement that was never submitted.
-- $1 colony: bigint, $2 process_id: uuid, $3 reserved at this time or before: bigint.
-- Race: a replacement that is being submitted is not visible yet; the time protects it.
UPDATE apiary.finished
SET replaced_by = NULL, replacing_since_ms = NULL
WHERE colony = $1 AND process_id = $2 AND replacing_since_ms <= $3
    AND NOT EXISTS (SELECT 1 FROM apiary.specs AS other WHERE other.process_id = finished.replaced_by)
