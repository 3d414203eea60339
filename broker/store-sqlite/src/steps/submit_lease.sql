-- Creates leases for new processes that a poll takes at once.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction, which found nothing that stands against it.
INSERT INTO leases (
    process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent, executor_type, function,
    instance
)
SELECT unhex(value ->> 'process_id'), value ->> 'colony', value ->> 'executor', ?2, value ->> 'expires_at_ms',
       CASE WHEN value ->> 'max_exec_ms' > 0 THEN ?2 + (value ->> 'max_exec_ms') END, 1, 0, value ->> 'executor_type',
       value ->> 'function', value ->> 'instance'
FROM jsonb_each(?1)
WHERE value ->> 'executor' IS NOT NULL
