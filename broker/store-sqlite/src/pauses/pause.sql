-- Stores a pause, unless the maximum number of things of the colony is paused.
-- ?1 colony, ?2 kind, ?3 name, ?4 paused_by, ?5 reason, ?6 since_ms, ?7 the most.
-- Race won: there is one writer; no row means that it is paused already, or that too many things are.
INSERT INTO pauses (colony, kind, name, paused_by, reason, since_ms)
SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE (SELECT count(*) FROM pauses WHERE colony = ?1) < ?7
ON CONFLICT (colony, kind, name) DO NOTHING
RETURNING kind, name, paused_by, reason, since_ms
