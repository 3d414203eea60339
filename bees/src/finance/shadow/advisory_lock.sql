-- Lets the commands of shadow mode that change something in one database happen one after the other.
select pg_advisory_xact_lock(hashtext('apiary shadow'))
