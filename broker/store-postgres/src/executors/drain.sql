-- Stops new work for executors of a name.
-- $1 colony: bigint, $2 name: text, $3 drained_by: text, $4 now_ms: bigint.
-- Race won: the first caller and time stay.
INSERT INTO apiary.drains (colony, name, drained_by, since_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (colony, name) DO NOTHING
