-- Grants by their numbers. ?1 keys: JSON list. No race: a grant is never changed, only revoked.
SELECT g.key, c.id AS colony_id, g.grantee, g.name, g.payload, g.signature, g.revoked_from_ms
FROM grants AS g
JOIN colonies AS c ON c.key = g.colony
WHERE g.key IN (SELECT wanted.value FROM json_each(?1) AS wanted)
