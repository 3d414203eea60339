-- Inserts processes that are given back at once into `queue`, at their old place, without spending a retry.
-- ?1 items that ended: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT lease.process_id, lease.colony, spec.priority_time_us, ?2,
       CASE WHEN spec.max_wait_ms > 0 THEN ?2 + spec.max_wait_ms END,
       lease.attempt, lease.retries_spent, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
JOIN specs AS spec ON spec.process_id = lease.process_id
WHERE item.value ->> 'until_ms' IS NULL AND lease.cancel_deadline_ms IS NULL
