-- Work that was given back because something around it is out of order, by executor type and cause, the largest number first.
-- ?1 colony, ?2 at most, processes, ?3 at most, causes.
-- No race: it is for display only. A process that was just moved to `queue` is not counted. The process named for a cause is the one
-- that waits longest: SQLite takes bare columns from the row of a lone min().
SELECT spec.executor_type, last.waits_on, last.reason, held.process_id, spec.function, spec.labels, count(*) AS count,
       min(last.waits_since_ms) AS since_ms
FROM (
    SELECT process_id, attempt
    FROM blocked
    WHERE colony = ?1 AND cause = 'surroundings'
    LIMIT ?2
) AS held
JOIN specs AS spec ON spec.process_id = held.process_id
JOIN attempts AS last ON last.process_id = held.process_id AND last.attempt = held.attempt
GROUP BY spec.executor_type, last.waits_on
ORDER BY count(*) DESC, last.waits_on
LIMIT ?3
