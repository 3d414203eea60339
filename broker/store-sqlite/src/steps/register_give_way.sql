-- If the maximum number of executors waits for approval, deletes the one silent longest to make room for a new one.
-- ?1 colony, ?2 key: blob, ?3 executor_type, ?4 pending at most, ?5 gives way if last heard before.
-- Race won: there is one writer.
WITH pending AS (
    SELECT one.number, one.last_heard_ms FROM executors AS one
    WHERE one.colony = ?1 AND one.registered_at_ms IS NOT NULL AND one.rejected_at_ms IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM grants AS g
            WHERE g.colony = ?1 AND g.grantee = one.key AND g.role = 'executor'
        )
)
DELETE FROM executors
WHERE number = (SELECT number FROM pending WHERE last_heard_ms < ?5 ORDER BY last_heard_ms, number LIMIT 1)
    AND (SELECT count(*) FROM pending) >= ?4
    AND NOT EXISTS (SELECT 1 FROM executors WHERE colony = ?1 AND key = ?2 AND executor_type = ?3)
