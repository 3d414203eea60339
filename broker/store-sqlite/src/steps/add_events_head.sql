-- Moves the head of a colony's stream past new events; returns the position of the last of them.
-- ?1 colony, ?2 the class of each event: JSON list.
-- Race won: there is one writer.
INSERT INTO event_heads AS known (colony, position, changes, refusals, owned, newcomers, addresses)
SELECT ?1, count(*), count(*) FILTER (WHERE one.value = 0), count(*) FILTER (WHERE one.value = 1),
       count(*) FILTER (WHERE one.value = 2), count(*) FILTER (WHERE one.value = 3), count(*) FILTER (WHERE one.value = 4)
FROM json_each(?2) AS one
-- Without a condition the parser would take ON CONFLICT for a join's.
WHERE true
ON CONFLICT (colony) DO UPDATE
SET position = known.position + excluded.position, changes = known.changes + excluded.changes,
    refusals = known.refusals + excluded.refusals, owned = known.owned + excluded.owned,
    newcomers = known.newcomers + excluded.newcomers, addresses = known.addresses + excluded.addresses
RETURNING position
