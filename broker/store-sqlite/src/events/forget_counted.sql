-- Subtracts deleted events from the head of a colony's stream.
-- ?1 colony, ?2 changes, ?3 refusals, ?4 owned, ?5 newcomers, ?6 addresses.
-- Race won: there is one writer.
UPDATE event_heads
SET changes = changes - ?2, refusals = refusals - ?3, owned = owned - ?4, newcomers = newcomers - ?5, addresses = addresses - ?6
WHERE colony = ?1
