-- Lets one broker delete by retention at a time, until its transaction ends. Returns a row if it is this one. No parameters.
-- Race won: the deletion is a statement of its own behind this one, so it sees each hold that was set under the lock.
SELECT 1 AS one WHERE pg_try_advisory_xact_lock(hashtextextended('apiary.retention', 0))
