-- All attempts that ended at processes, oldest first. $1 process_id: uuid[].
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_payload, result_signature, batch.signed
FROM apiary.all_attempts
LEFT JOIN apiary.signature_batches AS batch
    ON octet_length(result_signature) = 20 AND batch.batch = substring(result_signature FROM 1 FOR 16)
WHERE process_id = ANY ($1)
ORDER BY process_id, attempt
