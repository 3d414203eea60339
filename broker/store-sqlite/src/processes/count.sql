-- The number of a colony's processes that match. Absent filters are null.
-- ?1 colony, ?2 states, ?3 executor_type, ?4 function, ?5 labels, ?6 submitter and ?7 executor (names), ?8 submitted from, ?9 submitted
-- until; of the same types as in `list.sql`.
-- Race: states may change the next moment; it is for display only.
SELECT count(*) AS count
FROM processes AS shown
WHERE colony = ?1
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
