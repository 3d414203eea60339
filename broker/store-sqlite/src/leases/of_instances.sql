-- The leases that these runs of executors claimed.
-- ?1 instances: JSON list.
-- Race: a lease may end the next moment; every statement that acts on it checks the token. It reads the whole table, which holds only what
-- runs right now.
SELECT process_id, attempt, executor, instance, claimed_at_ms
FROM leases
WHERE instance IN (SELECT asked.value FROM json_each(?1) AS asked)
