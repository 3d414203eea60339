-- Every grant for these keys, oldest first.
-- ?1 colony, ?2 grantees: JSON list of hexadecimal digits.
-- No race: grants are only added and revoked.
SELECT g.key, c.id AS colony_id, g.grantee, g.name, g.payload, g.signature, g.revoked_from_ms
FROM grants AS g
JOIN colonies AS c ON c.key = g.colony
WHERE g.colony = ?1 AND g.grantee IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
ORDER BY g.key
