-- The leases that these runs of executors claimed.
-- $1 instance: bigint[].
-- Race: a lease may end the next moment; every statement that acts on it checks the token. It reads the whole table, which holds only what
-- runs right now. `CASE` keeps the list from becoming a join, which would compare each row with every number.
SELECT process_id, attempt, executor, instance, claimed_at_ms
FROM apiary.leases
WHERE CASE WHEN instance IN (SELECT unnest($1::bigint[])) THEN true ELSE false END
