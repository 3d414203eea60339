-- The recorded objects of a colony after a number, oldest first. $1 colony: bigint, $2 after: bigint, $3 at most: bigint.
-- No race: it changes nothing.
SELECT number, object, digest, payload, signature, signer, recorded
FROM apiary.archives
WHERE colony = $1 AND number > $2
ORDER BY number
LIMIT $3
