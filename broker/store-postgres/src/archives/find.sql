-- The object that a process is in, and its line. $1 colony: bigint, $2 process_id: uuid.
-- No race: it changes nothing.
SELECT number, object, digest, payload, signature, signer, recorded, line::bigint AS line
FROM apiary.archived
JOIN apiary.archives ON archives.key = archived.archive
WHERE archived.process_id = $2 AND archives.colony = $1
