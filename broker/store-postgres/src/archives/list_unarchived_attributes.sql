-- The attributes of processes. $1 process_id: uuid[].
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT process_id, kind, key, value, attempt
FROM apiary.attributes
WHERE process_id = ANY ($1)
ORDER BY process_id, kind COLLATE "C", key COLLATE "C"
