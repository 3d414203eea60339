-- Every grant for these keys, oldest first.
-- $1 colony: bigint, $2 grantees: bytea[].
-- No race: grants are only added and revoked.
SELECT g.key, c.id AS colony_id, g.grantee, g.name, g.payload, g.signature, g.revoked_from_ms
FROM apiary.grants AS g
JOIN apiary.colonies AS c ON c.key = g.colony
WHERE g.colony = $1 AND g.grantee = ANY ($2)
ORDER BY g.key
