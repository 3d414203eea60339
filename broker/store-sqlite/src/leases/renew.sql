-- Prolongs leases that are held and not over, at most to the end of `max_exec` and to the deadline of a cancellation. Returns their ends
-- and cancellations, and the times since which their executors are drained.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: there is one writer; a lease that a sweep ended has no row.
UPDATE leases
SET renewed_at_ms = ?2, expires_at_ms = min(
    item.expires_at_ms, coalesce(exec_deadline_ms, item.expires_at_ms), coalesce(cancel_deadline_ms, item.expires_at_ms)
)
FROM (
    SELECT unhex(value ->> 'process_id') AS process_id, value ->> 'attempt' AS attempt, value ->> 'executor' AS executor,
           value ->> 'expires_at_ms' AS expires_at_ms
    FROM jsonb_each(?1)
) AS item
WHERE leases.process_id = item.process_id AND leases.attempt = item.attempt AND leases.executor = item.executor
    AND leases.expires_at_ms > ?2
RETURNING leases.process_id, leases.expires_at_ms, leases.cancel_deadline_ms, leases.cancel_reason, leases.cancel_by,
    (
        SELECT drains.since_ms FROM drains JOIN grants ON grants.name = drains.name
        WHERE grants.key = leases.executor AND drains.colony = leases.colony
    ) AS drained_at_ms
