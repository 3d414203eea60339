-- Allows new work for executors of a name again.
-- ?1 colony, ?2 name.
-- No race: deleting twice changes nothing.
DELETE FROM drains WHERE colony = ?1 AND name = ?2
