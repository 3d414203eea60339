-- Statistics of the functions whose processes finished lately. `is_cut` is 1 if further processes may have finished since then.
-- ?1 colony, ?2 only of this executor_type, or null, ?3 since_ms, ?4 processes at most, ?5 functions at most.
-- No race: it is for display only.
WITH ended AS MATERIALIZED (
    SELECT process_id, state, attempt
    FROM finished
    WHERE colony = ?1 AND finished_at_ms >= ?3
    ORDER BY finished_at_ms DESC
    LIMIT ?4
),
timed AS (
    SELECT spec.executor_type, spec.function, ended.state,
           max(first.claimed_at_ms - spec.submitted_at_ms, 0) AS wait_ms,
           max(last.ended_at_ms - last.claimed_at_ms, 0) AS run_ms
    FROM ended
    JOIN specs AS spec ON spec.process_id = ended.process_id
    LEFT JOIN attempts AS first ON first.process_id = ended.process_id AND first.attempt = 1
    LEFT JOIN attempts AS last ON last.process_id = ended.process_id AND last.attempt = ended.attempt
    WHERE ?2 IS NULL OR spec.executor_type = ?2
)
SELECT executor_type, function, count(*) AS count, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
       min(wait_ms) AS wait_ms_min, CAST(round(avg(wait_ms)) AS INTEGER) AS wait_ms_mean, max(wait_ms) AS wait_ms_max,
       min(run_ms) AS run_ms_min, CAST(round(avg(run_ms)) AS INTEGER) AS run_ms_mean, max(run_ms) AS run_ms_max,
       (SELECT count(*) FROM ended) >= ?4 AS is_cut
FROM timed
GROUP BY executor_type, function
ORDER BY executor_type, function
LIMIT ?5
