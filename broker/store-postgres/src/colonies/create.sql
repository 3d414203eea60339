-- Creates a colony.
-- $1 id: bytea, $2 name: text, $3 now_ms: bigint.
-- Race won: of two transactions that create the same id or name, the second gets no row, and reads the colony of the first.
INSERT INTO apiary.colonies (id, name, created_at_ms)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
RETURNING key, id, name, created_at_ms
