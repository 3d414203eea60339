-- The colonies with events to delete.
-- The most events of each class: ?1 changes, ?2 refusals, ?3 owned, ?4 newcomers, ?5 addresses; ?6 before_ms.
-- Race won: only a list; the deletion counts anew, in its transaction.
SELECT head.colony
FROM event_heads AS head
WHERE head.changes > ?1 OR head.refusals > ?2 OR head.owned > ?3 OR head.newcomers > ?4 OR head.addresses > ?5
    OR (
        -- Some rows, because the first may be of a clock that was ahead.
        SELECT min(first.time_ms) < ?6
        FROM (SELECT time_ms FROM events WHERE colony = head.colony ORDER BY position LIMIT 100) AS first
    )
