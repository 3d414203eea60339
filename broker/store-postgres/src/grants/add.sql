-- Stores a grant, and adds an executor to the list.
-- $1 colony: bigint, $2 grant_id: uuid, $3 grantee: bytea, $4 role: text, $5 name: text, $6 now_ms: bigint, $7 signature: bytea,
-- $8 payload: bytea.
-- Race won: of two transactions that add the same id, the second gets no row, and compares with the stored grant. A grant whose key or
-- id was revoked before is stored as revoked; one that is added at the same moment as the revocation is revoked when the revocation is
-- repeated.
WITH added AS (
    INSERT INTO apiary.grants (colony, grant_id, grantee, role, name, added_at_ms, signature, payload, revoked_from_ms)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8,
           (
               SELECT min(dead.added_at_ms) FROM apiary.revocations AS dead
               WHERE dead.colony = $1 AND (dead.grantee = $3 OR dead.grant_id = $2)
           )
    ON CONFLICT (colony, grant_id) DO NOTHING
    RETURNING key
),
named AS (
    UPDATE apiary.executors SET name = $5, rejected_at_ms = NULL
    WHERE colony = $1 AND key = $3 AND $4 = 'executor' AND EXISTS (SELECT 1 FROM added)
),
appeared AS (
    INSERT INTO apiary.executors (colony, key, executor_type, name)
    SELECT $1, $3, '', $5
    WHERE $4 = 'executor' AND EXISTS (SELECT 1 FROM added)
        AND NOT EXISTS (SELECT 1 FROM apiary.executors WHERE colony = $1 AND key = $3)
    ON CONFLICT (colony, key, executor_type) DO NOTHING
)
SELECT key FROM added
