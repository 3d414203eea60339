-- Sets a hold, or moves it forward; returns the time from which it holds. No row if the colony has as many as it may.
-- $1 colony: bigint, $2 name: text, $3 from, in milliseconds: bigint, $4 at most: bigint.
-- Race won: of two that move it, the later time stays. What finished before it may be gone, so it never moves back.
INSERT INTO apiary.retention_holds AS hold (colony, name, from_ms)
SELECT $1, $2, $3
WHERE EXISTS (SELECT FROM apiary.retention_holds AS known WHERE known.colony = $1 AND known.name = $2)
    OR (SELECT count(*) FROM apiary.retention_holds AS known WHERE known.colony = $1) < $4
ON CONFLICT (colony, name) DO UPDATE SET from_ms = greatest(hold.from_ms, excluded.from_ms)
RETURNING from_ms
