-- Deletes the oldest events of a colony: so many changes and refusals, and those before a time among the first rows. Returns them.
-- ?1 colony, ?2 changes, ?3 refusals, ?4 before_ms, ?5 rows to read for the time.
-- Race won: there is one writer.
DELETE FROM events
WHERE colony = ?1 AND position IN (
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND is_refusal = 0 ORDER BY position LIMIT ?2
    )
    UNION
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND is_refusal = 1 ORDER BY position LIMIT ?3
    )
    UNION
    SELECT first.position
    FROM (SELECT position, time_ms FROM events WHERE colony = ?1 ORDER BY position LIMIT ?5) AS first
    WHERE first.time_ms < ?4
)
RETURNING is_refusal
