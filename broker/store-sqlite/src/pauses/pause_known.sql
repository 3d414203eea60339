-- The stored pause of this kind and name.
-- ?1 colony, ?2 kind, ?3 name.
SELECT kind, name, paused_by, reason, since_ms
FROM pauses
WHERE colony = ?1 AND kind = ?2 AND name = ?3
