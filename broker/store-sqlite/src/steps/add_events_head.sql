-- Moves the head of a colony's stream past new events; returns the position of the last of them.
-- ?1 colony, ?2 the number of events, ?3 of them refusals.
-- Race won: there is one writer.
INSERT INTO event_heads AS known (colony, position, changes, refusals) VALUES (?1, ?2, ?2 - ?3, ?3)
ON CONFLICT (colony) DO UPDATE
SET position = known.position + excluded.position, changes = known.changes + excluded.changes,
    refusals = known.refusals + excluded.refusals
RETURNING position
