-- Executors in the order of their first appearance, with the number of their leases.
-- ?1 colony, ?2 after this number, ?3 at most, ?4 only of this executor_type, ?5 only of this name, ?6 only of this key: blob,
-- ?7 now_ms; null matches all.
-- Race won: a page starts after a row, not at a count. The row that a grant created is left out once the executor has registered.
WITH running AS (
    SELECT g.grantee, lease.executor_type, count(*) AS leases
    FROM leases AS lease
    JOIN grants AS g ON g.key = lease.executor
    WHERE lease.colony = ?1 AND lease.expires_at_ms > ?7
    GROUP BY g.grantee, lease.executor_type
)
SELECT one.number AS key, one.key AS executor, one.executor_type, one.name, one.registered_at_ms, one.rejected_at_ms,
       one.last_heard_ms, one.offer, one.functions, one.version, one.slots,
       coalesce(running.leases, 0) AS running, drain.since_ms AS drained_at_ms
FROM executors AS one
LEFT JOIN running ON running.grantee = one.key AND running.executor_type = one.executor_type
LEFT JOIN drains AS drain ON drain.colony = one.colony AND drain.name = one.name
WHERE one.colony = ?1 AND one.number > ?2
    AND (?4 IS NULL OR one.executor_type = ?4)
    AND (?5 IS NULL OR one.name = ?5)
    AND (?6 IS NULL OR one.key = ?6)
    AND (
        one.executor_type <> ''
        OR NOT EXISTS (
            SELECT 1 FROM executors AS said WHERE said.colony = ?1 AND said.key = one.key AND said.executor_type <> ''
        )
    )
ORDER BY one.number
LIMIT ?3
