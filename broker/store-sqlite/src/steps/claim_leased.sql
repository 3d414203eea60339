-- The leases just made, with their specs. ?1 items: JSON list. Race won: it runs inside the one write transaction.
SELECT lease.process_id, lease.executor, lease.attempt, lease.retries_spent, lease.expires_at_ms,
       spec.max_retries, spec.submitter, spec.payload, spec.signature
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
JOIN specs AS spec ON spec.process_id = lease.process_id
