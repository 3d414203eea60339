-- The holds of a colony, the one that keeps the most first. ?1 colony.
-- No race: it changes nothing.
SELECT name, from_ms FROM retention_holds WHERE colony = ?1 ORDER BY from_ms, name
