-- A page as in `list.sql`, from all processes in the wanted states, which are few by the counters: nothing else is read.
-- ?1 to ?11 as in `list.sql`, ?12 the number of running and blocked processes, of all colonies, from which they are too many,
-- ?13 as in `list.sql`.
-- The last row, `is_end`, is not of the page: 1 is the place to go on from, 2 means that they are too many, and that the page is to be
-- read by `list.sql`. `blocked` and `leases` have no index by colony.
-- `CROSS JOIN` keeps the order: first the states, then the specs.
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
WITH wanted AS MATERIALIZED (SELECT value AS state FROM json_each(?2)),
around AS MATERIALIZED (
    SELECT * FROM (
        SELECT process_id, colony FROM blocked
        LIMIT CASE WHEN 'blocked' IN (SELECT state FROM wanted) THEN ?12 ELSE 0 END
    )
    UNION ALL
    SELECT * FROM (
        SELECT process_id, colony FROM leases
        LIMIT CASE WHEN 'running' IN (SELECT state FROM wanted) THEN ?12 ELSE 0 END
    )
),
verdict AS MATERIALIZED (SELECT count(*) >= ?12 AS is_cut FROM around),
few AS MATERIALIZED (
    SELECT process_id FROM around WHERE colony = ?1
    UNION ALL
    SELECT * FROM (
        SELECT process_id FROM queue
        WHERE colony = ?1
        LIMIT CASE WHEN 'waiting' IN (SELECT state FROM wanted) THEN -1 ELSE 0 END
    )
    UNION ALL
    SELECT process_id FROM finished WHERE colony = ?1 AND state IN (SELECT state FROM wanted)
),
page AS MATERIALIZED (
    SELECT spec.process_id, spec.submitted_at_ms
    FROM few
    CROSS JOIN specs AS spec ON spec.process_id = few.process_id
    WHERE NOT (SELECT is_cut FROM verdict)
        AND (+spec.submitted_at_ms, spec.process_id) < (?9, ?10)
        AND (?8 IS NULL OR submitted_at_ms >= ?8)
        AND (?3 IS NULL OR executor_type = ?3)
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
        AND (?7 IS NULL OR coalesce(
            (SELECT life.executor FROM leases AS life WHERE life.process_id = spec.process_id),
            (
                SELECT last.executor FROM attempts AS last
                WHERE last.process_id = spec.process_id
                ORDER BY last.attempt DESC
                LIMIT 1
            )
        ) IN (SELECT key FROM grants WHERE colony = ?1 AND name = ?7))
    ORDER BY spec.submitted_at_ms DESC, spec.process_id DESC
    LIMIT ?11
),
ending AS MATERIALIZED (
    SELECT * FROM (SELECT 1 AS is_end, process_id, submitted_at_ms FROM page LIMIT 1 OFFSET ?11 - 1)
    UNION ALL
    SELECT 2, zeroblob(16), 0 FROM verdict WHERE is_cut
)
SELECT 0 AS is_end, process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms,
       since_ms, until_ms, submitter, submitter_name, executor_name, reason, labels, ended_by, cancel_deadline_ms, cause, percent, progress
FROM processes
WHERE process_id IN (SELECT process_id FROM page) AND state IS NOT NULL
UNION ALL
SELECT is_end, process_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, submitted_at_ms, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL
FROM ending
ORDER BY is_end, submitted_at_ms DESC, process_id DESC
