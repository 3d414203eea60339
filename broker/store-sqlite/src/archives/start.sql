-- The last recorded object of a colony. ?1 colony.
-- No race: it changes nothing.
SELECT number, object, digest, payload, signature, signer, recorded
FROM archives
WHERE colony = ?1
ORDER BY number DESC
LIMIT 1
