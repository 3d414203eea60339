-- The last progress of processes. ?1 process_id: JSON list of hexadecimal digits.
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT process_id, attempt, number, reported_at_ms, percent, message, payload, signature, checkpoint_attempt, checkpoint_payload,
       checkpoint_signature
FROM progress
WHERE process_id IN (SELECT unhex(named.value) FROM json_each(?1) AS named)
