-- The conditions that stop work of a lane; `limited` means that the claim must count limits, `empty` that nothing waits in the
-- lane.
-- ?1 colony, ?2 executor_type, ?3 the grants claimed under: JSON list.
-- Race won: it is read in the transaction of the claim, so a pause or a revocation applies from its commit on.
SELECT kind, name
FROM pauses
WHERE colony = ?1 AND (kind <> 'executor_type' OR name = ?2)
UNION ALL
SELECT 'drain', name
FROM drains
WHERE colony = ?1
UNION ALL
SELECT 'limited', ''
WHERE EXISTS (
    SELECT 1 FROM limits
    WHERE colony = ?1 AND (kind = 'function' OR (kind = 'executor_type' AND pattern = ?2))
)
OR EXISTS (
    SELECT 1 FROM queue
    WHERE colony = ?1 AND executor_type = ?2 AND (concurrency_key IS NOT NULL OR rate_key IS NOT NULL)
)
UNION ALL
SELECT 'revoked', CAST(key AS TEXT)
FROM grants
WHERE key IN (SELECT held.value FROM json_each(?3) AS held) AND revoked_from_ms IS NOT NULL
UNION ALL
SELECT 'empty', ''
WHERE NOT EXISTS (
    SELECT 1 FROM queue
    WHERE colony = ?1 AND executor_type = ?2
)
