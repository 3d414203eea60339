-- Deletes executors that were last heard before ?1 before_ms, or, while they wait for approval, before ?2 pending_before_ms; rejected
-- executors stay; at most ?3.
-- Race won: there is one writer.
DELETE FROM executors
WHERE number IN (
    SELECT one.number FROM executors AS one
    WHERE one.rejected_at_ms IS NULL
        AND (
            coalesce(one.last_heard_ms, one.registered_at_ms) < ?1
            OR (
                one.registered_at_ms IS NOT NULL AND one.last_heard_ms < ?2
                AND NOT EXISTS (
                    SELECT 1 FROM grants AS g
                    WHERE g.colony = one.colony AND g.grantee = one.key AND g.role = 'executor'
                )
            )
        )
    LIMIT ?3
)
