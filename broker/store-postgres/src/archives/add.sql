-- Records an object behind the last one of its colony; returns its key. No row if it is not the next.
-- $1 colony: bigint, $2 number: bigint, $3 digest of the manifest before: bytea (null for the first), $4 object: text, $5 digest: bytea,
-- $6 signer: bytea, $7 signature: bytea, $8 payload: bytea, $9 now_ms: bigint.
-- Race won: it runs under the lock of retention, and of two objects of one number the second finds the first.
INSERT INTO apiary.archives (colony, number, added_at_ms, recorded, object, digest, signer, signature, payload)
SELECT $1, $2, $9, 0, $4, $5, $6, $7, $8
WHERE $2 = coalesce((SELECT max(number) FROM apiary.archives WHERE colony = $1), 0) + 1
    AND $3 IS NOT DISTINCT FROM (SELECT digest FROM apiary.archives WHERE colony = $1 ORDER BY number DESC LIMIT 1)
RETURNING key::bigint AS key
