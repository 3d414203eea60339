-- Lets one process at a time apply migrations, until its transaction ends. The number is arbitrary; it only
-- has to be the same everywhere.
select pg_advisory_xact_lock(7210943051884215)
