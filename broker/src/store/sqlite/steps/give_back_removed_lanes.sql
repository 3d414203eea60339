-- Where processes belong that are given back. ?1 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
SELECT process_id, colony, executor_type FROM leases
WHERE process_id IN (SELECT unhex(ended.value) FROM json_each(?1) AS ended)
