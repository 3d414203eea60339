-- The colonies with events to delete.
-- The most events of each class: $1 changes: bigint, $2 refusals: bigint, $3 owned: bigint, $4 newcomers: bigint, $5 addresses: bigint;
-- $6 before_ms: bigint.
-- Race won: only a list; the deletion counts anew, under the head's lock.
SELECT head.colony
FROM apiary.event_heads AS head
WHERE head.changes > $1 OR head.refusals > $2 OR head.owned > $3 OR head.newcomers > $4 OR head.addresses > $5
    OR (
        -- Some rows, because the first may be of a clock that was ahead.
        SELECT min(first.time_ms) < $6
        FROM (SELECT time_ms FROM apiary.events WHERE colony = head.colony ORDER BY position LIMIT 100) AS first
    )
