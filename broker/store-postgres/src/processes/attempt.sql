-- An attempt at a process.
-- $1 process_id: uuid, $2 attempt: integer.
-- Race won: one statement sees one moment, so that an attempt that just ends is found once.
SELECT process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_payload, result_signature,
       batch.signed
FROM apiary.all_attempts
LEFT JOIN apiary.signature_batches AS batch
    ON octet_length(result_signature) = 20 AND batch.batch = substring(result_signature FROM 1 FOR 16)
WHERE process_id = $1 AND attempt = $2
UNION ALL
SELECT process_id, attempt, executor, claimed_at_ms, NULL, 'running', NULL, NULL, NULL, NULL
FROM apiary.leases
WHERE process_id = $1 AND attempt = $2
