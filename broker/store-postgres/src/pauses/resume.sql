-- Deletes a pause, and returns its beginning.
-- $1 colony: bigint, $2 kind: text, $3 name: text.
-- Race won: of two resumes, only one deletes the row.
DELETE FROM apiary.pauses WHERE colony = $1 AND kind = $2 AND name = $3 RETURNING since_ms
