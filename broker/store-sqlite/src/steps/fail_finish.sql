-- Finishes processes whose last attempt failed. ?1 items that ended: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
SELECT lease.process_id, lease.colony, ?2, lease.attempt, item.value ->> 'retries_spent', item.value ->> 'next',
       item.value ->> 'reason'
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE item.value ->> 'next' NOT IN ('waiting', 'blocked') AND lease.cancel_deadline_ms IS NULL
