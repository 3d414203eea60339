-- Failed processes that others wait for: those with the most children first, with the number of children and the time of the first.
-- ?1 colony, ?2 at most, ?3 rows to read, of each sort, ?4 children to count, of each.
-- Race: they may be redriven the next moment; one statement sees one moment. Its duration does not grow with the tables: it reads only
-- the latest failures, the parents of the processes that are blocked longest, and the first children of each.
WITH failed AS MATERIALIZED (
    SELECT process_id FROM (
        SELECT process_id
        FROM finished
        WHERE colony = ?1 AND state = 'dead_letter'
        ORDER BY finished_at_ms DESC
        LIMIT ?3
    )
    UNION
    SELECT process_id FROM (
        SELECT process_id
        FROM finished
        WHERE colony = ?1 AND state = 'failed'
        ORDER BY finished_at_ms DESC
        LIMIT ?3
    )
    UNION
    SELECT ended.process_id
    FROM (
        SELECT waited.parent
        FROM (
            SELECT process_id
            FROM blocked
            WHERE colony = ?1 AND parents_left IS NOT NULL
            ORDER BY since_ms
            LIMIT ?3
        ) AS child
        JOIN dependencies AS waited ON waited.child = child.process_id
        LIMIT 10 * ?3
    ) AS waited
    JOIN finished AS ended ON ended.process_id = waited.parent
    WHERE ended.state IN ('dead_letter', 'failed')
),
counted AS MATERIALIZED (
    SELECT failed.process_id,
           (SELECT json_array(count(*), min(child.since_ms)) FROM (
               SELECT child.since_ms
               FROM dependencies AS waited
               JOIN blocked AS child ON child.process_id = waited.child
               WHERE waited.parent = failed.process_id AND child.colony = ?1 AND child.parents_left IS NOT NULL
               LIMIT ?4
           ) AS child) AS children
    FROM failed
)
SELECT process_id, children ->> 0 AS count, children ->> 1 AS since_ms
FROM counted
WHERE children ->> 0 > 0
ORDER BY children ->> 0 DESC, process_id
LIMIT ?2
