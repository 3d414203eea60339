-- Keeps a grant. $1 colony: bigint, $2 grant_id: uuid, $3 grantee: bytea, $4 role: text, $5 name: text,
-- $6 now_ms: bigint, $7 signature: bytea, $8 payload: bytea.
-- Race won: of two that add the same id, one gets no row here, and compares with what the other kept.
INSERT INTO apiary.grants (colony, grant_id, grantee, role, name, added_at_ms, signature, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (colony, grant_id) DO NOTHING
RETURNING key
