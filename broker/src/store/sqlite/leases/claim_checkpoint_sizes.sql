-- How large the last progress with a checkpoint is. ?1 process_id: JSON list of hexadecimal digits.
-- No race: whoever holds the lease is the only one who reports.
SELECT process_id, checkpoint_executor AS executor, length(checkpoint_payload) AS bytes
FROM progress
WHERE process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted) AND checkpoint_payload IS NOT NULL
