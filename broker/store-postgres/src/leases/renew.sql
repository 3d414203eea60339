-- Prolongs leases that are held and not over, at most to the end of `max_exec` and to the deadline of a cancellation. Returns their ends
-- and cancellations, and the times since which their executors are drained.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 expires_at_ms: bigint[], $5 now_ms: bigint.
-- Race won: the sweep has either deleted the row (no row), or finds its new end.
UPDATE apiary.leases AS lease
SET renewed_at_ms = $5,
    expires_at_ms = least(item.expires_at_ms, lease.exec_deadline_ms, lease.cancel_deadline_ms)
FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[])
    AS item (process_id, attempt, executor, expires_at_ms)
WHERE lease.process_id = ANY ($1)
    AND lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
    AND lease.expires_at_ms > $5
RETURNING lease.process_id, lease.expires_at_ms, lease.cancel_deadline_ms, lease.cancel_reason, lease.cancel_by,
    (
        SELECT drained.since_ms FROM apiary.drains AS drained JOIN apiary.grants AS granted ON granted.name = drained.name
        WHERE granted.key = lease.executor AND drained.colony = lease.colony
    ) AS drained_at_ms
