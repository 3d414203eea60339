-- Creates leases for waiting processes.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction, which selected the processes.
INSERT INTO leases (
    process_id, colony, executor, claimed_at_ms, expires_at_ms, exec_deadline_ms, attempt, retries_spent, executor_type,
    function, concurrency_key, instance
)
SELECT waiting.process_id, waiting.colony, item.value ->> 'executor', ?2,
       CASE
           WHEN spec.max_exec_ms > 0 THEN min(?2 + (item.value ->> 'lease_ms'), ?2 + spec.max_exec_ms)
           ELSE ?2 + (item.value ->> 'lease_ms')
       END,
       CASE WHEN spec.max_exec_ms > 0 THEN ?2 + spec.max_exec_ms END,
       waiting.attempt + 1, waiting.retries_spent, waiting.executor_type, waiting.function, waiting.concurrency_key,
       item.value ->> 'instance'
FROM jsonb_each(?1) AS item
JOIN queue AS waiting ON waiting.process_id = unhex(item.value ->> 'process_id')
JOIN specs AS spec ON spec.process_id = waiting.process_id
