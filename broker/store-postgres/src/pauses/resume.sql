-- Ends a pause; since when it was. $1 colony: bigint, $2 kind: text, $3 name: text.
-- Race won: of two that end it, one deletes the row.
DELETE FROM apiary.pauses WHERE colony = $1 AND kind = $2 AND name = $3 RETURNING since_ms
