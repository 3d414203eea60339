-- A colony.
-- ?1 id: blob.
-- No race: a colony never changes.
SELECT key, id, name, created_at_ms FROM colonies WHERE id = ?1
