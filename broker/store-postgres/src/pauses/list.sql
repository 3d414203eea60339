-- The pauses of a colony, by kind and name.
-- $1 colony: bigint, $2 at most: bigint.
SELECT kind, name, paused_by, reason, since_ms
FROM apiary.pauses
WHERE colony = $1
ORDER BY kind COLLATE "C", name COLLATE "C"
LIMIT $2
