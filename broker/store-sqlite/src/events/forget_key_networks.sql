-- Deletes the networks of a key that were added first.
-- ?1 colony, ?2 key: blob, ?3 the number to keep.
-- Race won: there is one writer.
DELETE FROM key_networks
WHERE colony = ?1 AND key = ?2 AND network IN (
    SELECT network FROM key_networks WHERE colony = ?1 AND key = ?2 ORDER BY seen_ms DESC, network LIMIT -1 OFFSET ?3
)
