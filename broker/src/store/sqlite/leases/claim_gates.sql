-- What stands in the way of a lane's work. ?1 colony, ?2 executor_type.
-- Race won: it is read in the transaction of the claim, so a pause holds from its commit on.
SELECT kind, name
FROM pauses
WHERE colony = ?1 AND (kind <> 'executor_type' OR name = ?2)
UNION ALL
SELECT 'drain', name
FROM drains
WHERE colony = ?1
