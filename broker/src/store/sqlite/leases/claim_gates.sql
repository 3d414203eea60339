-- What stands in the way of a lane's work. ?1 colony, ?2 executor_type, ?3 the grants claimed under: JSON list.
-- Race won: it is read in the transaction of the claim, so a pause or a revocation holds from its commit on.
SELECT kind, name
FROM pauses
WHERE colony = ?1 AND (kind <> 'executor_type' OR name = ?2)
UNION ALL
SELECT 'drain', name
FROM drains
WHERE colony = ?1
UNION ALL
SELECT 'revoked', CAST(key AS TEXT)
FROM grants
WHERE key IN (SELECT held.value FROM json_each(?3) AS held) AND revoked_from_ms IS NOT NULL
