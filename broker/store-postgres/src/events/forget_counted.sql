-- Subtracts deleted events from the head of a colony's stream.
-- $1 colony: bigint, $2 changes: bigint, $3 refusals: bigint, $4 owned: bigint, $5 newcomers: bigint, $6 addresses: bigint.
-- Race won: it is the last statement of the transaction that deleted them, like the one that adds.
UPDATE apiary.event_heads
SET changes = changes - $2, refusals = refusals - $3, owned = owned - $4, newcomers = newcomers - $5, addresses = addresses - $6
WHERE colony = $1
