-- Stores the colony's rules in place of older ones.
-- ?1 colony, ?2 version, ?3 signature: blob, ?4 payload: blob.
-- Race won: there is one writer; no row means that the stored rules are not older.
INSERT INTO guards (colony, version, signature, payload)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (colony) DO UPDATE
    SET version = excluded.version, signature = excluded.signature, payload = excluded.payload
    WHERE guards.version < excluded.version
RETURNING version
