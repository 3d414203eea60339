-- The holds of a colony, the one that keeps the most first. $1 colony: bigint.
-- No race: it changes nothing.
SELECT name, from_ms FROM apiary.retention_holds WHERE colony = $1 ORDER BY from_ms, name COLLATE "C"
