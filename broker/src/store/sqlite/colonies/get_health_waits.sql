-- Work that was given back because something around it is out of order: by executor type and what is waited for, the most first.
-- ?1 colony, ?2 at most, processes, ?3 at most, causes.
-- Race: none; it is for showing. A process whose turn has just come is not counted.
SELECT spec.executor_type, last.waits_on, max(last.reason) AS reason, count(*) AS count,
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
