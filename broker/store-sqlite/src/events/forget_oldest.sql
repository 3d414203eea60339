-- Deletes the oldest events of a colony: so many of each class, and those before a time among the first rows. Returns them.
-- ?1 colony, ?2 changes, ?3 refusals, ?4 owned, ?5 newcomers, ?6 addresses, ?7 before_ms, ?8 rows to read for the time.
-- Race won: there is one writer.
DELETE FROM events
-- `class <> 0` is the condition of the index, which SQLite uses only where it finds the same words.
WHERE colony = ?1 AND position IN (
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND class = 0 ORDER BY position LIMIT ?2
    )
    UNION
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND class = 1 AND class <> 0 ORDER BY position LIMIT ?3
    )
    UNION
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND class = 2 AND class <> 0 ORDER BY position LIMIT ?4
    )
    UNION
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND class = 3 AND class <> 0 ORDER BY position LIMIT ?5
    )
    UNION
    SELECT position FROM (
        SELECT position FROM events WHERE colony = ?1 AND class = 4 AND class <> 0 ORDER BY position LIMIT ?6
    )
    UNION
    SELECT first.position
    FROM (SELECT position, time_ms FROM events WHERE colony = ?1 ORDER BY position LIMIT ?8) AS first
    WHERE first.time_ms < ?7
)
RETURNING class
