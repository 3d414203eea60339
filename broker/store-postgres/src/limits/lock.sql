-- Makes whoever counts a colony's limits take turns, until the end of the transaction. $1 colony: bigint.
-- Race won: a statement after this one sees what the last holder committed, so two brokers never give the same last place twice.
SELECT pg_advisory_xact_lock(hashtextextended('apiary.limits', $1))
