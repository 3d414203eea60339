-- Keeps the attempts that are given back, and says which are. ?1 items: JSON list, ?2 now_ms.
-- Race won: there is one writer; a lease that ended before, or of another attempt, matches no row.
INSERT INTO attempts (process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending)
SELECT lease.process_id, lease.attempt, lease.executor, lease.claimed_at_ms, ?2, item.value ->> 'ending'
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
WHERE lease.attempt = item.value ->> 'attempt' AND lease.executor = item.value ->> 'executor'
    AND lease.expires_at_ms > ?2
RETURNING process_id
