-- A page of a colony's processes, newest first, read in that order. Absent filters are null.
-- ?1 colony, ?2 states: JSON list, ?3 executor_type, ?4 function, ?5 labels: JSON, ?6 submitter and ?7 executor (names), ?8 submitted
-- from, ?9 submitted until, ?10 and ?11 after this submitted_at_ms and process_id: blob, ?12 size.
-- Race won: a page starts after a row, not at a count, so that a process submitted meanwhile shifts nothing.
SELECT process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms, since_ms,
       until_ms, submitter_name, executor_name, reason, labels, ended_by, cancel_deadline_ms, cause, percent, progress
FROM processes AS shown
WHERE colony = ?1
    AND (submitted_at_ms, process_id) < (?10, ?11)
    AND state IS NOT NULL
    AND (?2 IS NULL OR state IN (SELECT wanted.value FROM json_each(?2) AS wanted))
    AND (?3 IS NULL OR executor_type = ?3)
    AND (?4 IS NULL OR function = ?4)
    AND (?6 IS NULL OR submitter IN (SELECT key FROM grants WHERE colony = ?1 AND name = ?6))
    AND (?7 IS NULL OR executor_name = ?7)
    AND (?8 IS NULL OR submitted_at_ms >= ?8)
    AND (?9 IS NULL OR submitted_at_ms < ?9)
    AND NOT EXISTS (
        SELECT 1 FROM json_each(?5) AS wanted
        WHERE NOT EXISTS (
            SELECT 1 FROM json_each(CASE WHEN json_valid(shown.labels) THEN shown.labels END) AS label
            WHERE label.key = wanted.key AND label.value = wanted.value
        )
    )
ORDER BY submitted_at_ms DESC, process_id DESC
LIMIT ?12
