-- Every grant for a key, oldest first. ?1 colony, ?2 grantee: blob. No race: grants are only ever added.
SELECT key, grant_id, grantee, payload, signature
FROM grants
WHERE colony = ?1 AND grantee = ?2
ORDER BY key
