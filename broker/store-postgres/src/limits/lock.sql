-- Takes the lock on the limits of a colony until the end of the transaction.
-- $1 colony: bigint.
-- Race won: a statement after this one sees the commit of the holder before, so two brokers never give the same last place.
SELECT pg_advisory_xact_lock(hashtextextended('apiary.limits', $1))
