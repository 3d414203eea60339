-- Inserts processes that are given back for later into `blocked`, without spending a retry.
-- ?1 items that ended: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause)
SELECT lease.process_id, lease.colony, ?2, item.value ->> 'until_ms', lease.attempt, lease.retries_spent,
       CASE item.value ->> 'ending' WHEN 'surroundings' THEN 'surroundings' ELSE 'snooze' END
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE item.value ->> 'until_ms' IS NOT NULL AND lease.cancel_deadline_ms IS NULL
