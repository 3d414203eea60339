-- Leases as they are now.
-- $1 process_id: uuid[].
-- Race: the lease may end the next moment; every statement that acts on it checks the token. The sub-select is that of
-- `processes/summaries.sql`.
SELECT lease.process_id, lease.colony, lease.executor_type, lease.attempt, lease.executor, lease.retries_spent,
       lease.claimed_at_ms, lease.expires_at_ms, lease.exec_deadline_ms, lease.cancel_deadline_ms, lease.cancel_reason,
       lease.cancel_by,
       spec.max_retries, spec.function, spec.digest
FROM apiary.leases AS lease
LEFT JOIN apiary.specs AS spec ON spec.process_id = lease.process_id
WHERE lease.process_id = ANY (ARRAY (SELECT unnest($1::uuid[])))
