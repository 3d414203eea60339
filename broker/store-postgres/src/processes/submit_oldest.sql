-- The unfinished processes of a concurrency key that were submitted first: by the stamp of the submit, which is the place in the queue
-- without the priority.
-- $1 colony: bigint, $2 concurrency_key: text, $3 at most: bigint.
-- Race won: it runs under `limits/lock.sql`; a process that ends or is unblocked at this moment is not cancelled, and the caller counts
-- again.
SELECT spec.process_id
FROM (
    SELECT process_id FROM apiary.queue WHERE colony = $1 AND concurrency_key = $2
    UNION ALL
    SELECT process_id FROM apiary.leases WHERE colony = $1 AND concurrency_key = $2
    UNION ALL
    SELECT process_id FROM apiary.blocked WHERE colony = $1
) AS unfinished
JOIN apiary.specs AS spec ON spec.process_id = unfinished.process_id
WHERE spec.concurrency_key = $2
ORDER BY spec.priority_time_us + spec.priority * 86400000000, spec.process_id
LIMIT $3
