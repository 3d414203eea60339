-- The object that a process is in, and its line. ?1 colony, ?2 process_id: blob.
-- No race: it changes nothing.
SELECT number, object, digest, payload, signature, signer, recorded, line
FROM archived
JOIN archives ON archives.key = archived.archive
WHERE archived.process_id = ?2 AND archives.colony = ?1
