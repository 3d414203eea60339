-- The number of events of a colony that exceed the bounds of their classes; locks the head of its stream.
-- $1 colony: bigint, then the most of each class: $2 changes: bigint, $3 refusals: bigint, $4 owned: bigint, $5 newcomers: bigint,
-- $6 addresses: bigint.
-- Race won: of two brokers that delete, the second counts what the first has left. Whoever holds the lock waits only for rows of events,
-- which nobody else deletes without it.
SELECT greatest(changes - $2, 0) AS changes, greatest(refusals - $3, 0) AS refusals, greatest(owned - $4, 0) AS owned,
       greatest(newcomers - $5, 0) AS newcomers, greatest(addresses - $6, 0) AS addresses
FROM apiary.event_heads WHERE colony = $1 FOR UPDATE
