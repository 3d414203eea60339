-- A page of a colony's processes, newest first: those that match among the next rows of the list. Absent filters are null.
-- ?1 colony, ?2 states: JSON list, ?3 executor_type, ?4 function, ?5 labels: JSON, ?6 submitter and ?7 executor (names), ?8 submitted
-- from, ?9 and ?10 after this submitted_at_ms and process_id: blob, ?11 size, ?12 rows to read, ?13 submitted by this key: blob.
-- The last row, `is_end`, is not of the page: it is the place to go on from, if there may be more.
-- One plan for all filters: rows are read in the order of the index, and no further than needed; a filter decides row by row. Where a
-- condition does not depend on the row it is in `LIMIT`: in `WHERE`, SQLite would ask it of every row.
-- Race won: a page starts after a row, not at a count, so that a process submitted meanwhile shifts nothing.
WITH page AS MATERIALIZED (
    SELECT process_id, submitted_at_ms
    FROM (
        SELECT process_id, submitted_at_ms, submitter, function, executor_type, labels
        FROM specs
        WHERE colony = ?1 AND (submitted_at_ms, process_id) < (?9, ?10)
            AND submitted_at_ms >= coalesce(?8, -9223372036854775808)
        ORDER BY submitted_at_ms DESC, process_id DESC
        LIMIT ?12
    ) AS spec
    WHERE (?3 IS NULL OR executor_type = ?3)
        AND (?4 IS NULL OR function = ?4)
        AND (?6 IS NULL OR submitter IN (SELECT key FROM grants WHERE colony = ?1 AND name = ?6))
        AND (?13 IS NULL OR submitter IN (SELECT key FROM grants WHERE colony = ?1 AND grantee = ?13))
        AND (?5 IS NULL OR NOT EXISTS (
            SELECT 1 FROM json_each(?5) AS wanted
            WHERE NOT EXISTS (
                SELECT 1 FROM json_each(CASE WHEN json_valid(spec.labels) THEN spec.labels END) AS label
                WHERE label.key = wanted.key AND label.value = wanted.value
            )
        ))
        AND (?2 IS NULL OR CASE
            WHEN EXISTS (SELECT 1 FROM queue AS life WHERE life.process_id = spec.process_id) THEN 'waiting'
            WHEN EXISTS (SELECT 1 FROM leases AS life WHERE life.process_id = spec.process_id) THEN 'running'
            WHEN EXISTS (SELECT 1 FROM blocked AS life WHERE life.process_id = spec.process_id) THEN 'blocked'
            ELSE (SELECT life.state FROM finished AS life WHERE life.process_id = spec.process_id)
        END IN (SELECT wanted.value FROM json_each(?2) AS wanted))
        AND (?7 IS NULL OR coalesce(
            (SELECT life.executor FROM leases AS life WHERE life.process_id = spec.process_id),
            (
                SELECT last.executor FROM attempts AS last
                WHERE last.process_id = spec.process_id
                ORDER BY last.attempt DESC
                LIMIT 1
            )
        ) IN (SELECT key FROM grants WHERE colony = ?1 AND name = ?7))
    LIMIT ?11
),
ending AS MATERIALIZED (
    SELECT * FROM (SELECT process_id, submitted_at_ms FROM page LIMIT 1 OFFSET ?11 - 1)
    UNION ALL
    SELECT * FROM (
        SELECT process_id, submitted_at_ms
        FROM specs
        WHERE colony = ?1 AND (submitted_at_ms, process_id) < (?9, ?10)
            AND submitted_at_ms >= coalesce(?8, -9223372036854775808)
        ORDER BY submitted_at_ms DESC, process_id DESC
        LIMIT CASE WHEN (SELECT count(*) FROM page) < ?11 THEN 1 ELSE 0 END OFFSET ?12 - 1
    )
)
SELECT 0 AS is_end, process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms,
       since_ms, until_ms, submitter, submitter_name, executor_name, reason, labels, ended_by, cancel_deadline_ms, cause, percent, progress
FROM processes
WHERE process_id IN (SELECT process_id FROM page) AND state IS NOT NULL
UNION ALL
SELECT 1, process_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, submitted_at_ms, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL
FROM ending
ORDER BY is_end, submitted_at_ms DESC, process_id DESC
