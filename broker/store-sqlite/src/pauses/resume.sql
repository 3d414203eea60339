-- Deletes a pause, and returns its beginning.
-- ?1 colony, ?2 kind, ?3 name.
-- Race won: of two resumes, only one deletes the row.
DELETE FROM pauses WHERE colony = ?1 AND kind = ?2 AND name = ?3 RETURNING since_ms
