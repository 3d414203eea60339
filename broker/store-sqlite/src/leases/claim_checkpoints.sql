-- The last progress with a checkpoint, unless its signer's grant is revoked.
-- ?1 process_id: JSON list of hexadecimal digits.
-- No race: only the holder of the lease reports.
SELECT process_id, checkpoint_executor AS executor, checkpoint_payload AS payload, checkpoint_signature AS signature
FROM progress
WHERE process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted)
    AND checkpoint_payload IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM grants AS g
        WHERE g.key = checkpoint_executor AND g.revoked_from_ms IS NOT NULL
    )
