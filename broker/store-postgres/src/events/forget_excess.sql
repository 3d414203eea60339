-- The number of changes and of refusals of a colony that exceed their bounds; locks the head of its stream.
-- $1 colony: bigint, $2 the most changes: bigint, $3 the most refusals: bigint.
-- Race won: of two brokers that delete, the second counts what the first has left. Whoever holds the lock waits only for rows of events,
-- which nobody else deletes without it.
SELECT greatest(changes - $2, 0) AS changes, greatest(refusals - $3, 0) AS refusals
FROM apiary.event_heads WHERE colony = $1 FOR UPDATE
