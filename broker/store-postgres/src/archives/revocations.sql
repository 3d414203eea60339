-- The revocations of grants and of keys. $1 colony: bigint, $2 grant_id: uuid[], $3 grantee: bytea[].
-- No race: it changes nothing.
SELECT payload, signature
FROM apiary.revocations
WHERE colony = $1 AND (grant_id = ANY ($2) OR grantee = ANY ($3))
ORDER BY added_at_ms, revocation_id
