-- Every grant for a key, oldest first.
-- $1 colony: bigint, $2 grantee: bytea.
-- No race: grants are only added and revoked.
SELECT key, grant_id, grantee, payload, signature, revoked_from_ms
FROM apiary.grants
WHERE colony = $1 AND grantee = $2
ORDER BY key
