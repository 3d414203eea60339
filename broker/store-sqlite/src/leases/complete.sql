-- Stores the attempts that end with success, and returns their processes. If a cancellation was requested, the attempt is stored as
-- cancelled, without its result.
-- ?1 items: JSON list, ?2 the items' results: blob, cut by the items' places and lengths, ?3 now_ms.
-- Race won: there is one writer; a lease that ended before, or has another attempt, matches no row.
INSERT INTO attempts (
    process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_signature, result_payload
)
SELECT lease.process_id, lease.attempt, lease.executor, lease.claimed_at_ms, ?3,
       CASE WHEN lease.cancel_deadline_ms IS NULL THEN 'succeeded' ELSE 'cancelled' END, lease.cancel_reason,
       CASE WHEN lease.cancel_deadline_ms IS NULL THEN substr(?2, item.value ->> 'at', item.value ->> 'signature_bytes') END,
       CASE
           WHEN lease.cancel_deadline_ms IS NULL
           THEN substr(?2, item.value ->> 'payload_at', item.value ->> 'payload_bytes')
       END
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND lease.expires_at_ms > ?3
RETURNING process_id
