-- Dead letters, and processes that no executor claimed in time: the number, the time of the first, and the last of each.
-- ?1 colony, ?2 the earliest failure to report, ?3 at most, of each.
-- No race: it is for display only. The index `finished_state` keeps it from reading more rows than it counts.
WITH latest AS MATERIALIZED (
    SELECT process_id, state, finished_at_ms
    FROM (
        SELECT process_id, state, finished_at_ms
        FROM finished
        WHERE colony = ?1 AND state = 'dead_letter'
        ORDER BY finished_at_ms DESC
        LIMIT ?3
    ) AS set_aside
    UNION ALL
    SELECT process_id, state, finished_at_ms
    FROM (
        SELECT process_id, state, finished_at_ms, ended_by, replaced_by
        FROM finished
        WHERE colony = ?1 AND state = 'failed' AND finished_at_ms >= ?2
        ORDER BY finished_at_ms DESC
        LIMIT ?3
    ) AS failed
    WHERE ended_by IS NULL AND replaced_by IS NULL
),
counted AS (
    SELECT state, count(*) AS count, min(finished_at_ms) AS since_ms,
           (SELECT one.process_id FROM latest AS one WHERE one.state = latest.state
            ORDER BY one.finished_at_ms DESC, one.process_id DESC LIMIT 1) AS process_id
    FROM latest
    GROUP BY state
)
SELECT counted.process_id, counted.state, counted.count, counted.since_ms, spec.function, spec.labels, ended.reason
FROM counted
JOIN finished AS ended ON ended.process_id = counted.process_id
JOIN specs AS spec ON spec.process_id = counted.process_id
ORDER BY counted.state
