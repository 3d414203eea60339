-- A page as in `list.sql`, for states with few processes: all of them are read first, and then sorted (the `+` keeps SQLite from reading
-- the whole history in order instead). The parameters are those of `list.sql`.
-- Race won: a page starts after a row, not at a count, so that a process submitted meanwhile shifts nothing.
SELECT process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms, since_ms,
       until_ms, submitter_name, executor_name, reason, labels, ended_by, cancel_deadline_ms, cause, percent, progress
FROM processes AS shown
WHERE process_id IN (
        SELECT process_id FROM queue WHERE colony = ?1 AND 'waiting' IN (SELECT value FROM json_each(?2))
        UNION ALL
        SELECT process_id FROM blocked WHERE colony = ?1 AND 'blocked' IN (SELECT value FROM json_each(?2))
        UNION ALL
        SELECT process_id FROM leases WHERE colony = ?1 AND 'running' IN (SELECT value FROM json_each(?2))
        UNION ALL
        SELECT process_id FROM finished WHERE colony = ?1 AND state IN (SELECT value FROM json_each(?2))
    )
    AND +colony = ?1
    AND (+submitted_at_ms, process_id) < (?10, ?11)
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
