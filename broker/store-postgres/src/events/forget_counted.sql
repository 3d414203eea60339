-- Subtracts deleted events from the head of a colony's stream.
-- $1 colony: bigint, $2 changes: bigint, $3 refusals: bigint.
-- Race won: it is the last statement of the transaction that deleted them, like the one that adds.
UPDATE apiary.event_heads SET changes = changes - $2, refusals = refusals - $3 WHERE colony = $1
