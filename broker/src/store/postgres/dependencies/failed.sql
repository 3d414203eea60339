-- Processes that failed and are waited for: those that most wait for, how many, and since when.
-- $1 colony: bigint, $2 at most: bigint, $3 rows that are looked at, of each sort: bigint, $4 children that are counted, of each: bigint.
-- Race: they may be redriven the next moment; one statement sees one moment. However much failed or is blocked, no more is read than
-- this: the latest failures, the parents of those that are blocked longest, and the first children of each.
WITH failed AS MATERIALIZED (
    (
        SELECT process_id
        FROM apiary.finished
        WHERE colony = $1 AND state = 'dead_letter'
        ORDER BY finished_at_ms DESC
        LIMIT $3
    )
    UNION
    (
        SELECT process_id
        FROM apiary.finished
        WHERE colony = $1 AND state = 'failed'
        ORDER BY finished_at_ms DESC
        LIMIT $3
    )
    UNION
    SELECT ended.process_id
    FROM (
        SELECT waited.parent
        FROM (
            SELECT process_id
            FROM apiary.blocked
            WHERE colony = $1 AND parents_left IS NOT NULL
            ORDER BY since_ms
            LIMIT $3
        ) AS child
        JOIN apiary.dependencies AS waited ON waited.child = child.process_id
        LIMIT 10 * $3
    ) AS waited
    JOIN apiary.finished AS ended ON ended.process_id = waited.parent
    WHERE ended.state IN ('dead_letter', 'failed')
),
held AS MATERIALIZED (
    SELECT failed.process_id, child.since_ms
    FROM failed
    CROSS JOIN LATERAL (
        SELECT child.since_ms
        FROM apiary.dependencies AS waited
        JOIN apiary.blocked AS child ON child.process_id = waited.child
        WHERE waited.parent = failed.process_id AND child.colony = $1 AND child.parents_left IS NOT NULL
        LIMIT $4
    ) AS child
    LIMIT 10 * $3
)
SELECT process_id, count(*) AS count, min(since_ms) AS since_ms
FROM held
GROUP BY process_id
ORDER BY count(*) DESC, process_id
LIMIT $2
