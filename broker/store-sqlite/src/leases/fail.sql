-- Stores the attempts that end without success, and returns their processes.
-- ?1 items: JSON list, ?2 the items' results: blob, cut by the items' places and lengths, ?3 now_ms.
-- Races won: there is one writer, and the first transaction that deletes the lease ends the attempt. A sweep (`only_if_over_at_ms`
-- given) ends only a lease that is over, so a renewal that came in between keeps it. An executor ends only a lease that is not over.
INSERT INTO attempts (
    process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_signature, result_payload
)
SELECT lease.process_id, lease.attempt, lease.executor, lease.claimed_at_ms, ?3, item.value ->> 'ending',
       item.value ->> 'reason', substr(?2, item.value ->> 'at', item.value ->> 'signature_bytes'),
       substr(?2, item.value ->> 'payload_at', item.value ->> 'payload_bytes')
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND CASE
        WHEN item.value ->> 'only_if_over_at_ms' IS NULL THEN lease.expires_at_ms > ?3
        ELSE lease.expires_at_ms <= item.value ->> 'only_if_over_at_ms'
    END
    AND (item.value ->> 'next' <> 'cancelled' OR lease.cancel_deadline_ms IS NOT NULL)
RETURNING process_id
