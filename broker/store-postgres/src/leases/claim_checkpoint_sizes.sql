-- The length and the beginning of the last progress with a checkpoint, as it is stored, unless its signer's grant is revoked.
-- $1 process_id: uuid[], $2 bytes of the beginning: integer.
-- No race: only the holder of the lease reports.
SELECT process_id, checkpoint_executor AS executor, octet_length(checkpoint_payload)::bigint AS bytes,
       substring(checkpoint_payload FROM 1 FOR $2) AS head
FROM apiary.progress
WHERE process_id = ANY ($1)
    AND checkpoint_payload IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM apiary.grants AS g
        WHERE g.key = checkpoint_executor AND g.revoked_from_ms IS NOT NULL
    )
