-- Work that was given back because something around it is out of order: by executor type and what is waited for, the most first.
-- ?1 colony, ?2 at most, processes, ?3 at most, causes.
-- Race: none; it is for showing. A process whose turn has just come is not counted.
-- What is named of a cause is the process that waits longest: SQLite takes bare columns from the row of a lone min().
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
