-- The number of processes that match among the first rows of the list, newest first. Absent filters are null.
-- ?1 to ?10 as in `list.sql`, ?11 rows to read. `is_more` is 1 if there are further rows.
-- Race: states may change the next moment; it is for display only.
SELECT count(*) AS count,
       (SELECT count(*) >= ?11 FROM (
           SELECT 1
           FROM specs
           WHERE colony = ?1 AND (submitted_at_ms, process_id) < (?9, ?10)
               AND submitted_at_ms >= coalesce(?8, -9223372036854775808)
           LIMIT ?11
       )) AS is_more
FROM (
    SELECT process_id, submitter, function, executor_type, labels
    FROM specs
    WHERE colony = ?1 AND (submitted_at_ms, process_id) < (?9, ?10)
        AND submitted_at_ms >= coalesce(?8, -9223372036854775808)
    ORDER BY submitted_at_ms DESC, process_id DESC
    LIMIT ?11
) AS spec
WHERE (?3 IS NULL OR executor_type = ?3)
    AND (?4 IS NULL OR function = ?4)
    AND (?6 IS NULL OR submitter IN (SELECT key FROM grants WHERE colony = ?1 AND name = ?6))
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
