-- Pauses something, unless so many things of the colony are paused already.
-- $1 colony: bigint, $2 kind: text, $3 name: text, $4 paused_by: text, $5 reason: text,
-- $6 since_ms: bigint, $7 the most: bigint.
-- Race won: of two that pause the same, one gets no row here, and is answered with what the other kept.
INSERT INTO apiary.pauses (colony, kind, name, paused_by, reason, since_ms)
SELECT $1, $2, $3, $4, $5, $6
WHERE (SELECT count(*) FROM apiary.pauses WHERE colony = $1) < $7
ON CONFLICT (colony, kind, name) DO NOTHING
RETURNING kind, name, paused_by, reason, since_ms
