-- A page of a colony's grants, oldest first.
-- ?1 colony, ?2 after this key, ?3 size.
-- Race won: a page starts after a row, not at a count, so that a grant added meanwhile shifts nothing.
SELECT g.key, c.id AS colony_id, g.grantee, g.name, g.payload, g.signature, g.revoked_from_ms
FROM grants AS g
JOIN colonies AS c ON c.key = g.colony
WHERE g.colony = ?1 AND g.key > ?2
ORDER BY g.key
LIMIT ?3
