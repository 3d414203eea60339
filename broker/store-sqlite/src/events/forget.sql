-- The colonies with events to delete.
-- ?1 the most changes, ?2 the most refusals, ?3 before_ms.
-- Race won: only a list; the deletion counts anew, in its transaction.
SELECT head.colony
FROM event_heads AS head
WHERE head.changes > ?1 OR head.refusals > ?2
    OR (
        -- Some rows, because the first may be of a clock that was ahead.
        SELECT min(first.time_ms) < ?3
        FROM (SELECT time_ms FROM events WHERE colony = head.colony ORDER BY position LIMIT 100) AS first
    )
