-- Leases as they are now.
-- ?1 process_id: JSON list of hexadecimal digits.
-- Race: the lease may end the next moment; every statement that acts on it checks the token.
SELECT lease.process_id, lease.colony, lease.executor_type, lease.attempt, lease.executor, lease.retries_spent,
       lease.claimed_at_ms, lease.expires_at_ms, lease.exec_deadline_ms, lease.cancel_deadline_ms, lease.cancel_reason,
       lease.cancel_by,
       spec.max_retries, spec.function, spec.digest
FROM leases AS lease
LEFT JOIN specs AS spec ON spec.process_id = lease.process_id
WHERE lease.process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted)
