-- How large the last progress with a checkpoint is. $1 process_id: uuid[].
-- No race: whoever holds the lease is the only one who reports.
SELECT process_id, checkpoint_executor AS executor, octet_length(checkpoint_payload)::bigint AS bytes
FROM apiary.progress
WHERE process_id = ANY ($1) AND checkpoint_payload IS NOT NULL
