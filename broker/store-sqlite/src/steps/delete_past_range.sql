-- The end of a range of finished processes: when the last of them finished, and how many there are. The range ends with a whole millisecond,
-- so that the next one begins behind it.
-- ?1 colony, ?2 state, ?3 finished after, ?4 finished by, in milliseconds, ?5 at most, but for those of the last millisecond.
-- Race won: it runs inside the one write transaction.
SELECT bound.last_ms, (
        SELECT count(*) FROM finished
        WHERE colony = ?1 AND state = ?2 AND finished_at_ms > ?3 AND finished_at_ms <= bound.last_ms
    ) AS read
FROM (
    SELECT max(finished_at_ms) AS last_ms
    FROM (
        SELECT finished_at_ms
        FROM finished
        WHERE colony = ?1 AND state = ?2 AND finished_at_ms > ?3
            AND finished_at_ms <= min(?4, coalesce((SELECT min(from_ms) - 1 FROM retention_holds WHERE colony = ?1), ?4))
        ORDER BY finished_at_ms
        LIMIT ?5
    )
) AS bound
