-- Lets one broker migrate at a time, until its transaction ends. No parameters.
-- Race won: brokers that start at once on a new database would make the same tables.
SELECT pg_advisory_xact_lock(hashtextextended('apiary migrations', 0))
