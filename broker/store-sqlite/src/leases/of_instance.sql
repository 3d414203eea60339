-- The leases that one run of an executor claimed.
-- ?1 its grants: JSON list, ?2 instance.
-- Race: a lease may end the next moment; every statement that acts on it checks the token. It reads the whole table, which holds only what
-- runs right now.
SELECT process_id, attempt, executor
FROM leases
WHERE instance = ?2 AND executor IN (SELECT held.value FROM json_each(?1) AS held)
