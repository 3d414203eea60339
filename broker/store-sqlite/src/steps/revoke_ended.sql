-- Marks the grants that a revocation names as revoked, and returns them, those revoked earlier included.
-- ?1 colony, ?2 grant_id: blob, ?3 grantee: blob (one of the two is null), ?4 now_ms.
-- Race won: it runs inside the one write transaction.
UPDATE grants SET revoked_from_ms = coalesce(revoked_from_ms, ?4)
WHERE colony = ?1 AND (grant_id = ?2 OR grantee = ?3)
RETURNING key, grantee
