-- The stored pause of this kind and name.
-- $1 colony: bigint, $2 kind: text, $3 name: text.
SELECT kind, name, paused_by, reason, since_ms
FROM apiary.pauses
WHERE colony = $1 AND kind = $2 AND name = $3
