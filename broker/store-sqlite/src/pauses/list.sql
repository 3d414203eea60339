-- The pauses of a colony, by kind and name.
-- ?1 colony, ?2 at most.
SELECT kind, name, paused_by, reason, since_ms
FROM pauses
WHERE colony = ?1
ORDER BY kind, name
LIMIT ?2
