-- The leases just made, with their specs, and whether nothing else waits in their lane.
-- ?1 items: JSON list. Race won: it runs inside the one write transaction, after `steps/claim_unqueue.sql`,
-- which returns since when each waited.
SELECT lease.process_id, lease.executor, lease.attempt, lease.retries_spent, lease.claimed_at_ms, NULL AS waiting_since_ms,
       lease.expires_at_ms, spec.function, spec.max_retries, spec.submitter, spec.payload, spec.signature, spec.digest,
       NOT EXISTS (
           SELECT 1 FROM queue WHERE queue.colony = lease.colony AND queue.executor_type = lease.executor_type
       ) AS is_lane_empty
FROM jsonb_each(?1) AS item
JOIN leases AS lease ON lease.process_id = unhex(item.value ->> 'process_id')
JOIN specs AS spec ON spec.process_id = lease.process_id
