-- Stores the attempts that are given back, and returns their processes.
-- ?1 items: JSON list, ?2 now_ms.
-- An attempt that ends as `surroundings` stores the time since which it and the attempts directly before it did so.
-- Race won: there is one writer; a lease that ended before, or has another attempt, matches no row.
INSERT INTO attempts (process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, waits_on, waits_since_ms)
SELECT lease.process_id, lease.attempt, lease.executor, lease.claimed_at_ms, ?2, item.value ->> 'ending', item.value ->> 'reason',
       item.value ->> 'surroundings',
       CASE WHEN item.value ->> 'ending' = 'surroundings' THEN coalesce(before.waits_since_ms, ?2) END
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
LEFT JOIN attempts AS before ON before.process_id = lease.process_id AND before.attempt = lease.attempt - 1
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND lease.expires_at_ms > ?2
RETURNING process_id
