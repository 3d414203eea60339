-- The objects that a process is in, and its lines, newest first. $1 colony: bigint, $2 process_id: uuid, $3 at most: bigint.
-- No race: it changes nothing.
SELECT number, object, digest, payload, signature, signer, recorded, line::bigint AS line
FROM apiary.archived
JOIN apiary.archives ON archives.key = archived.archive
WHERE archived.process_id = $2 AND archives.colony = $1
ORDER BY number DESC
LIMIT $3
