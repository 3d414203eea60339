-- Creates a colony.
-- ?1 id: blob, ?2 name: text, ?3 now_ms.
-- Race won: there is one writer; no row means that the id or name exists.
INSERT INTO colonies (id, name, created_at_ms)
VALUES (?1, ?2, ?3)
ON CONFLICT DO NOTHING
RETURNING key, id, name, created_at_ms
