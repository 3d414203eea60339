-- Subtracts deleted events from the head of a colony's stream.
-- ?1 colony, ?2 changes, ?3 refusals.
-- Race won: there is one writer.
UPDATE event_heads SET changes = changes - ?2, refusals = refusals - ?3 WHERE colony = ?1
