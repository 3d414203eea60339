-- Records an object behind the last one of its colony; returns its key. No row if it is not the next.
-- ?1 colony, ?2 number, ?3 digest of the manifest before (null for the first), ?4 object, ?5 digest, ?6 signer, ?7 signature, ?8 payload,
-- ?9 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO archives (colony, number, added_at_ms, recorded, object, digest, signer, signature, payload)
SELECT ?1, ?2, ?9, 0, ?4, ?5, ?6, ?7, ?8
WHERE ?2 = coalesce((SELECT max(number) FROM archives WHERE colony = ?1), 0) + 1
    AND ?3 IS (SELECT digest FROM archives WHERE colony = ?1 ORDER BY number DESC LIMIT 1)
RETURNING key
