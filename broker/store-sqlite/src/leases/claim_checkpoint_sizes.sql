-- The length and the beginning of the last progress with a checkpoint, as it is stored, unless its signer's grant is revoked.
-- ?1 process_id: JSON list of hexadecimal digits, ?2 bytes of the beginning.
-- No race: only the holder of the lease reports.
SELECT process_id, checkpoint_executor AS executor, length(checkpoint_payload) AS bytes,
       substr(checkpoint_payload, 1, ?2) AS head
FROM progress
WHERE process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted)
    AND checkpoint_payload IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM grants AS g
        WHERE g.key = checkpoint_executor AND g.revoked_from_ms IS NOT NULL
    )
