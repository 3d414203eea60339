-- The leases among these that are held.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction, so that no lease ends before the following statements are committed.
SELECT lease.process_id
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND lease.expires_at_ms > ?2
