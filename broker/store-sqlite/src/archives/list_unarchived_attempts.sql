-- All attempts that ended at processes, oldest first. ?1 process_id: JSON list of hexadecimal digits.
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_payload, result_signature
FROM attempts
WHERE process_id IN (SELECT unhex(named.value) FROM json_each(?1) AS named)
ORDER BY process_id, attempt
