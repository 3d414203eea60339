-- Executors in the order of their first appearance, with the number of their leases.
-- $1 colony: bigint, $2 after this number: bigint, $3 at most: bigint, $4 only of this executor_type: text, $5 only of this name: text,
-- $6 only of this key: bytea, $7 now_ms: bigint; null matches all.
-- Race won: a page starts after a row, not at a count. The row that a grant created is left out once the executor has registered.
WITH running AS (
    SELECT g.grantee, lease.executor_type, count(*) AS leases
    FROM apiary.leases AS lease
    JOIN apiary.grants AS g ON g.key = lease.executor
    WHERE lease.colony = $1 AND lease.expires_at_ms > $7
    GROUP BY g.grantee, lease.executor_type
)
SELECT one.number AS key, one.key AS executor, one.executor_type, one.name, one.registered_at_ms, one.rejected_at_ms,
       one.last_heard_ms, one.offer, one.functions, one.version, one.slots,
       coalesce(running.leases, 0) AS running, drain.since_ms AS drained_at_ms
FROM apiary.executors AS one
LEFT JOIN running ON running.grantee = one.key AND running.executor_type = one.executor_type
LEFT JOIN apiary.drains AS drain ON drain.colony = one.colony AND drain.name = one.name
WHERE one.colony = $1 AND one.number > $2
    AND ($4::text IS NULL OR one.executor_type = $4)
    AND ($5::text IS NULL OR one.name = $5)
    AND ($6::bytea IS NULL OR one.key = $6)
    AND (
        one.executor_type <> ''
        OR NOT EXISTS (
            SELECT 1 FROM apiary.executors AS said
            WHERE said.colony = $1 AND said.key = one.key AND said.executor_type <> ''
        )
    )
ORDER BY one.number
LIMIT $3
