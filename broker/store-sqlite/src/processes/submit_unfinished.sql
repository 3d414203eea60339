-- The number of unfinished processes of a concurrency key.
-- ?1 colony, ?2 concurrency_key.
-- Race won: it runs inside the one write transaction.
SELECT (
    (SELECT count(*) FROM queue AS waiting WHERE waiting.colony = ?1 AND waiting.concurrency_key = ?2)
    + (SELECT count(*) FROM leases AS lease WHERE lease.colony = ?1 AND lease.concurrency_key = ?2)
    + (
        SELECT count(*)
        FROM blocked
        JOIN specs AS spec ON spec.process_id = blocked.process_id
        WHERE blocked.colony = ?1 AND spec.concurrency_key = ?2
    )
) AS unfinished
