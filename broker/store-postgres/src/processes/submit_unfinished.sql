-- The number of unfinished processes of a concurrency key.
-- $1 colony: bigint, $2 concurrency_key: text.
-- Race won: it runs under `limits/lock.sql`, so no other submit under a limit of the colony comes in between.
SELECT (
    (SELECT count(*) FROM apiary.queue AS waiting WHERE waiting.colony = $1 AND waiting.concurrency_key = $2)
    + (SELECT count(*) FROM apiary.leases AS lease WHERE lease.colony = $1 AND lease.concurrency_key = $2)
    + (
        SELECT count(*)
        FROM apiary.blocked
        JOIN apiary.specs AS spec ON spec.process_id = blocked.process_id
        WHERE blocked.colony = $1 AND spec.concurrency_key = $2
    )
) AS unfinished
