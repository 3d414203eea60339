-- The last attempts at a process, oldest first, the running one last. $1 process_id: uuid, $2 at most: bigint.
-- Race won: one statement sees one moment, so that an attempt that just ends is listed once.
SELECT process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_payload, result_signature,
       batch.signed
FROM (
    (
        SELECT process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_payload, result_signature
        FROM apiary.all_attempts
        WHERE process_id = $1
        ORDER BY attempt DESC
        LIMIT $2
    )
    UNION ALL
    SELECT process_id, attempt, executor, claimed_at_ms, NULL, 'running', NULL, NULL, NULL
    FROM apiary.leases
    WHERE process_id = $1
    ORDER BY attempt DESC
    LIMIT $2
) AS last
LEFT JOIN apiary.signature_batches AS batch
    ON octet_length(result_signature) = 20 AND batch.batch = substring(result_signature FROM 1 FOR 16)
ORDER BY attempt
