-- The number of changes and of refusals of a colony that exceed their bounds.
-- ?1 colony, ?2 the most changes, ?3 the most refusals.
-- Race won: it runs inside the one write transaction, as the deletion does.
SELECT max(changes - ?2, 0) AS changes, max(refusals - ?3, 0) AS refusals FROM event_heads WHERE colony = ?1
