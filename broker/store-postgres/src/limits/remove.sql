-- Removes a limit. $1 colony: bigint, $2 kind: text, $3 pattern: text.
DELETE FROM apiary.limits WHERE colony = $1 AND kind = $2 AND pattern = $3
