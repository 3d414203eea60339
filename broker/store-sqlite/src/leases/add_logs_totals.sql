-- The sizes of the logs of processes whose lease is held.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction, so that a process's bounds hold.
INSERT INTO log_totals (process_id, lines, bytes)
SELECT lease.process_id, 0, 0
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND lease.expires_at_ms > ?2
ON CONFLICT (process_id) DO UPDATE SET lines = log_totals.lines
RETURNING process_id, lines, bytes
