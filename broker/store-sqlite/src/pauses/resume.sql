-- Ends a pause; since when it was. ?1 colony, ?2 kind, ?3 name.
-- Race won: of two that end it, one deletes the row.
DELETE FROM pauses WHERE colony = ?1 AND kind = ?2 AND name = ?3 RETURNING since_ms
