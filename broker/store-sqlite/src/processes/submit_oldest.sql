-- The unfinished processes of a concurrency key that were submitted first: by the stamp of the submit, which is the place in the queue
-- without the priority.
-- ?1 colony, ?2 concurrency_key, ?3 at most.
-- Race won: it runs inside the one write transaction.
SELECT spec.process_id
FROM (
    SELECT process_id FROM queue WHERE colony = ?1 AND concurrency_key = ?2
    UNION ALL
    SELECT process_id FROM leases WHERE colony = ?1 AND concurrency_key = ?2
    UNION ALL
    SELECT process_id FROM blocked WHERE colony = ?1
) AS unfinished
JOIN specs AS spec ON spec.process_id = unfinished.process_id
WHERE spec.concurrency_key = ?2
ORDER BY spec.priority_time_us + spec.priority * 86400000000, spec.process_id
LIMIT ?3
