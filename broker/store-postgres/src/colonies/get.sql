-- A colony.
-- $1 id: bytea.
-- No race: a colony never changes.
SELECT key, id, name, created_at_ms FROM apiary.colonies WHERE id = $1
