-- The leases that one run of an executor claimed.
-- $1 executor: bigint[] (its grants), $2 instance: bigint.
-- Race: a lease may end the next moment; every statement that acts on it checks the token. It reads the whole table, which holds only what
-- runs right now.
SELECT process_id, attempt, executor
FROM apiary.leases
WHERE instance = $2 AND executor = ANY ($1)
