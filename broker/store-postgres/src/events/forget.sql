-- The colonies with events to delete, with the number of changes and of refusals that exceed their bounds.
-- $1 the most changes: bigint, $2 the most refusals: bigint, $3 before_ms: bigint.
-- Race won: only a list; the deletion counts what it deletes.
SELECT head.colony, greatest(head.changes - $1, 0) AS changes, greatest(head.refusals - $2, 0) AS refusals
FROM apiary.event_heads AS head
WHERE head.changes > $1 OR head.refusals > $2
    OR (
        SELECT first.time_ms < $3 FROM apiary.events AS first WHERE first.colony = head.colony ORDER BY first.position LIMIT 1
    )
