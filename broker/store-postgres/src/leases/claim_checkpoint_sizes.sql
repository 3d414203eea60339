-- The size of the last progress with a checkpoint, unless its signer's grant is revoked.
-- $1 process_id: uuid[].
-- No race: only the holder of the lease reports.
SELECT process_id, checkpoint_executor AS executor, octet_length(checkpoint_payload)::bigint AS bytes
FROM apiary.progress
WHERE process_id = ANY ($1)
    AND checkpoint_payload IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM apiary.grants AS g
        WHERE g.key = checkpoint_executor AND g.revoked_from_ms IS NOT NULL
    )
