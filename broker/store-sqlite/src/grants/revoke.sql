-- Stores a revocation.
-- ?1 colony, ?2 revocation_id: blob, ?3 grant_id: blob, ?4 grantee: blob (one of the two is null), ?5 now_ms, ?6 signature: blob,
-- ?7 payload: blob.
-- Race won: there is one writer; the same document again changes nothing.
INSERT INTO revocations (colony, revocation_id, grant_id, grantee, added_at_ms, signature, payload)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (colony, revocation_id) DO NOTHING
