-- Ends the reservation for a replacement that was never submitted.
-- ?1 colony, ?2 process_id: blob, ?3 reserved at this time or before.
-- Race won: there is one writer.
UPDATE finished
SET replaced_by = NULL, replacing_since_ms = NULL
WHERE colony = ?1 AND process_id = ?2 AND replacing_since_ms <= ?3
    AND NOT EXISTS (SELECT 1 FROM specs AS other WHERE other.process_id = finished.replaced_by)
