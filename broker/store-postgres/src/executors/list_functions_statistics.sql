-- Statistics of the functions whose processes finished lately.
-- $1 colony: bigint, $2 only of this executor_type: text, or null, $3 since_ms: bigint, $4 processes at most: bigint, $5 functions at
-- most: bigint.
-- No race: it is for display only.
WITH ended AS (
    (
        SELECT process_id, state, attempt, executor, claimed_at_ms, finished_at_ms
        FROM apiary.finished
        WHERE colony = $1 AND finished_at_ms >= $3 AND state = 'succeeded'
        ORDER BY finished_at_ms DESC
        LIMIT $4
    )
    UNION ALL
    (
        SELECT process_id, state, attempt, executor, claimed_at_ms, finished_at_ms
        FROM apiary.finished
        WHERE colony = $1 AND finished_at_ms >= $3 AND state <> 'succeeded'
        ORDER BY finished_at_ms DESC
        LIMIT $4
    )
    ORDER BY finished_at_ms DESC
    LIMIT $4
),
timed AS (
    SELECT spec.executor_type, spec.function, ended.state,
           CASE WHEN first_ms IS NOT NULL THEN greatest(first_ms - spec.submitted_at_ms, 0) END AS wait_ms,
           CASE
               WHEN ended.executor IS NOT NULL THEN greatest(ended.finished_at_ms - ended.claimed_at_ms, 0)
               WHEN last.process_id IS NOT NULL THEN greatest(last.ended_at_ms - last.claimed_at_ms, 0)
           END AS run_ms
    FROM ended
    JOIN apiary.specs AS spec ON spec.process_id = ended.process_id
    LEFT JOIN apiary.attempts AS first
        ON first.process_id = ended.process_id AND first.attempt = 1 AND (ended.executor IS NULL OR ended.attempt > 1)
    LEFT JOIN apiary.attempts AS last
        ON last.process_id = ended.process_id AND last.attempt = ended.attempt AND ended.executor IS NULL
    CROSS JOIN LATERAL (
        SELECT CASE WHEN ended.executor IS NOT NULL AND ended.attempt = 1 THEN ended.claimed_at_ms ELSE first.claimed_at_ms END
    ) AS first_claim (first_ms)
    WHERE $2::text IS NULL OR spec.executor_type = $2
)
SELECT executor_type, function, count(*) AS count, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
       min(wait_ms) AS wait_ms_min, avg(wait_ms)::bigint AS wait_ms_mean, max(wait_ms) AS wait_ms_max,
       min(run_ms) AS run_ms_min, avg(run_ms)::bigint AS run_ms_mean, max(run_ms) AS run_ms_max
FROM timed
GROUP BY executor_type, function
ORDER BY executor_type, function
LIMIT $5
