-- Stores a pause, unless the maximum number of things of the colony is paused.
-- $1 colony: bigint, $2 kind: text, $3 name: text, $4 paused_by: text, $5 reason: text, $6 since_ms: bigint, $7 the most: bigint.
-- Race won: of two transactions that pause the same, the second gets no row, and is answered with the stored pause.
INSERT INTO apiary.pauses (colony, kind, name, paused_by, reason, since_ms)
SELECT $1, $2, $3, $4, $5, $6
WHERE (SELECT count(*) FROM apiary.pauses WHERE colony = $1) < $7
ON CONFLICT (colony, kind, name) DO NOTHING
RETURNING kind, name, paused_by, reason, since_ms
