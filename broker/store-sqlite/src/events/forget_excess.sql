-- The number of events of a colony that exceed the bounds of their classes.
-- ?1 colony, then the most of each class: ?2 changes, ?3 refusals, ?4 owned, ?5 newcomers, ?6 addresses.
-- Race won: it runs inside the one write transaction, as the deletion does.
SELECT max(changes - ?2, 0) AS changes, max(refusals - ?3, 0) AS refusals, max(owned - ?4, 0) AS owned,
       max(newcomers - ?5, 0) AS newcomers, max(addresses - ?6, 0) AS addresses
FROM event_heads WHERE colony = ?1
