-- Stores a grant.
-- ?1 colony, ?2 grant_id: blob, ?3 grantee: blob, ?4 role, ?5 name, ?6 now_ms, ?7 signature: blob, ?8 payload: blob.
-- Race won: there is one writer; no row means that the id exists. A grant whose key or id was revoked before is stored as revoked.
INSERT INTO grants (colony, grant_id, grantee, role, name, added_at_ms, signature, payload, revoked_from_ms)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
       (
           SELECT min(dead.added_at_ms) FROM revocations AS dead
           WHERE dead.colony = ?1 AND (dead.grantee = ?3 OR dead.grant_id = ?2)
       )
WHERE true
ON CONFLICT (colony, grant_id) DO NOTHING
RETURNING key
