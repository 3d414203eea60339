-- Stores the last progress of leased processes, and the last with a checkpoint. Returns the processes whose report was newer than the
-- stored one.
-- ?1 items: JSON list, ?2 the items' documents: blob, cut by the items' places and lengths, ?3 now_ms.
-- Races won: there is one writer; a lease that ended before matches no row. Of two reports the one with the higher number stays, in
-- either order.
INSERT INTO progress (
    process_id, colony, attempt, number, executor, reported_at_ms, percent, message, signature, payload,
    checkpoint_executor, checkpoint_attempt, checkpoint_signature, checkpoint_payload
)
SELECT lease.process_id, lease.colony, lease.attempt, item.value ->> 'number', lease.executor, ?3,
       item.value ->> 'percent', item.value ->> 'message',
       substr(?2, item.value ->> 'at', item.value ->> 'signature_bytes'), substr(?2, item.value ->> 'payload_at', item.value ->> 'payload_bytes'),
       iif(item.value ->> 'has_checkpoint', lease.executor, NULL),
       iif(item.value ->> 'has_checkpoint', lease.attempt, NULL),
       iif(item.value ->> 'has_checkpoint', substr(?2, item.value ->> 'at', item.value ->> 'signature_bytes'), NULL),
       iif(
           item.value ->> 'has_checkpoint',
           substr(?2, item.value ->> 'payload_at', item.value ->> 'payload_bytes'),
           NULL
       )
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND lease.expires_at_ms > ?3
ON CONFLICT (process_id) DO UPDATE SET
    attempt = excluded.attempt,
    number = excluded.number,
    executor = excluded.executor,
    reported_at_ms = excluded.reported_at_ms,
    percent = coalesce(excluded.percent, iif(progress.attempt = excluded.attempt, progress.percent, NULL)),
    message = coalesce(excluded.message, iif(progress.attempt = excluded.attempt, progress.message, NULL)),
    signature = excluded.signature,
    payload = excluded.payload,
    checkpoint_executor = coalesce(excluded.checkpoint_executor, progress.checkpoint_executor),
    checkpoint_attempt = coalesce(excluded.checkpoint_attempt, progress.checkpoint_attempt),
    checkpoint_signature = coalesce(excluded.checkpoint_signature, progress.checkpoint_signature),
    checkpoint_payload = coalesce(excluded.checkpoint_payload, progress.checkpoint_payload)
WHERE (progress.attempt, progress.number) < (excluded.attempt, excluded.number)
RETURNING process_id
