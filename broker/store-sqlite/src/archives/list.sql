-- The recorded objects of a colony after a number, oldest first. ?1 colony, ?2 after, ?3 at most.
-- No race: it changes nothing.
SELECT number, object, digest, payload, signature, signer, recorded
FROM archives
WHERE colony = ?1 AND number > ?2
ORDER BY number
LIMIT ?3
