-- Stores the colony's rules in place of older ones.
-- $1 colony: bigint, $2 version: bigint, $3 signature: bytea, $4 payload: bytea.
-- Race won: of two sets of rules stored at once the newer stays, in either order. The other gets no row, and is compared with the stored
-- one.
INSERT INTO apiary.guards (colony, version, signature, payload)
VALUES ($1, $2, $3, $4)
ON CONFLICT (colony) DO UPDATE
    SET version = excluded.version, signature = excluded.signature, payload = excluded.payload
    WHERE guards.version < excluded.version
RETURNING version
