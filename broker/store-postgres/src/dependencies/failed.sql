-- Failed processes that others wait for: those with the most children first, with the number of children and the time of the first.
-- $1 colony: bigint, $2 at most: bigint, $3 rows to read, of each sort: bigint, $4 children to count, of each: bigint.
-- Race: they may be redriven the next moment; one statement sees one moment. Its duration does not grow with the tables: it reads only
-- the latest failures, the parents of the processes that are blocked longest, and the first children of each. The limits inside keep a
-- plan that was made for empty tables from reading the full ones.
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
        CROSS JOIN LATERAL (
            SELECT one.parent FROM apiary.dependencies AS one WHERE one.child = child.process_id LIMIT 10 * $3
        ) AS waited
        LIMIT 10 * $3
    ) AS waited
    CROSS JOIN LATERAL (
        SELECT process_id
        FROM apiary.finished
        WHERE process_id = waited.parent AND state IN ('dead_letter', 'failed')
        LIMIT 1
    ) AS ended
),
held AS MATERIALIZED (
    SELECT failed.process_id, child.since_ms
    FROM failed
    CROSS JOIN LATERAL (
        SELECT child.since_ms
        FROM apiary.dependencies AS waited
        CROSS JOIN LATERAL (
            SELECT since_ms
            FROM apiary.blocked
            WHERE process_id = waited.child AND colony = $1 AND parents_left IS NOT NULL
            LIMIT 1
        ) AS child
        WHERE waited.parent = failed.process_id
        LIMIT $4
    ) AS child
    LIMIT 10 * $3
)
SELECT process_id, count(*) AS count, min(since_ms) AS since_ms
FROM held
GROUP BY process_id
ORDER BY count(*) DESC, process_id
LIMIT $2
