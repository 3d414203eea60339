-- The attributes of processes. ?1 process_id: JSON list of hexadecimal digits.
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT process_id, kind, key, value, attempt
FROM attributes
WHERE process_id IN (SELECT unhex(named.value) FROM json_each(?1) AS named)
ORDER BY process_id, kind, key
