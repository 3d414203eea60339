-- Allows new work for executors of a name again.
-- $1 colony: bigint, $2 name: text.
-- No race: deleting twice changes nothing.
DELETE FROM apiary.drains WHERE colony = $1 AND name = $2
