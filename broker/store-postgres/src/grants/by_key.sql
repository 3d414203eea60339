-- Grants by their numbers. $1 keys: bigint[]. No race: a grant is never changed, only revoked.
SELECT g.key, c.id AS colony_id, g.grantee, g.name, g.payload, g.signature, g.revoked_from_ms
FROM apiary.grants AS g
JOIN apiary.colonies AS c ON c.key = g.colony
WHERE g.key = ANY ($1)
