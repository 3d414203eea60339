-- The announcements of executors with a grant, those heard last first. Executors without one are left out: anybody can create many.
-- $1 colony: bigint, $2 only of this executor_type: text, or null, $3 at most: bigint.
-- No race: it is for display only.
SELECT number AS key, key AS executor, executor_type, name, last_heard_ms, functions
FROM apiary.executors
WHERE colony = $1 AND functions IS NOT NULL AND rejected_at_ms IS NULL
    AND ($2::text IS NULL OR executor_type = $2)
    AND EXISTS (
        SELECT 1 FROM apiary.grants AS g
        WHERE g.colony = $1 AND g.grantee = executors.key AND g.role = 'executor' AND g.revoked_from_ms IS NULL
    )
ORDER BY last_heard_ms DESC NULLS LAST, number DESC
LIMIT $3
