-- Leases that are over.
-- ?1 now_ms, ?2 at most.
-- Race: a renewal may come in between; `fail.sql` checks again.
SELECT lease.process_id, lease.colony, lease.executor_type, lease.attempt, lease.executor, lease.retries_spent,
       lease.claimed_at_ms, lease.expires_at_ms, lease.exec_deadline_ms, lease.cancel_deadline_ms, lease.cancel_reason,
       lease.cancel_by,
       spec.max_retries, spec.function, spec.digest
FROM leases AS lease
LEFT JOIN specs AS spec ON spec.process_id = lease.process_id
WHERE lease.expires_at_ms <= ?1
ORDER BY lease.expires_at_ms
LIMIT ?2
