-- The conditions that stop work of a lane; `limited` means that the claim must count limits, `empty` that nothing waits in the
-- lane.
-- $1 colony: bigint, $2 executor_type: text, $3 the grants claimed under: bigint[].
-- Race won: it is read in the transaction of the claim, so a pause or a revocation applies at every broker from its commit on.
SELECT kind, name
FROM apiary.pauses
WHERE colony = $1 AND (kind <> 'executor_type' OR name = $2)
UNION ALL
SELECT 'drain', name
FROM apiary.drains
WHERE colony = $1
UNION ALL
SELECT 'limited', ''
WHERE EXISTS (
    SELECT FROM apiary.limits
    WHERE colony = $1 AND (kind = 'function' OR (kind = 'executor_type' AND pattern = $2))
)
OR EXISTS (
    SELECT FROM apiary.queue
    WHERE colony = $1 AND executor_type = $2 AND (concurrency_key IS NOT NULL OR rate_key IS NOT NULL)
)
UNION ALL
SELECT 'revoked', key::text
FROM apiary.grants
WHERE key = ANY ($3) AND revoked_from_ms IS NOT NULL
UNION ALL
SELECT 'empty', ''
WHERE NOT EXISTS (
    SELECT FROM apiary.queue
    WHERE colony = $1 AND executor_type = $2
)
