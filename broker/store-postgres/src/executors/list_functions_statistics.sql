-- Statistics of the functions whose processes finished lately. `is_cut` is 1 if further processes may have finished since then.
-- $1 colony: bigint, $2 only of this executor_type: text, or null, $3 since_ms: bigint, $4 processes at most: bigint, $5 functions at
-- most: bigint.
-- Comparisons of rows make every estimate large, so that the indexes are read in their order, and no further than $4, whatever the
-- statistics say; `OFFSET 0` keeps the rest looked up one by one.
-- No race: it is for display only.
WITH ended AS MATERIALIZED (
    (
        SELECT process_id, state, attempt, executor, claimed_at_ms, finished_at_ms
        FROM apiary.finished
        WHERE (colony, finished_at_ms) >= ($1, $3) AND (colony, finished_at_ms) <= ($1, 9223372036854775807)
            AND state = 'succeeded'
        ORDER BY colony DESC, finished_at_ms DESC
        LIMIT $4
    )
    UNION ALL
    (
        SELECT process_id, state, attempt, executor, claimed_at_ms, finished_at_ms
        FROM apiary.finished
        WHERE (colony, finished_at_ms) >= ($1, $3) AND (colony, finished_at_ms) <= ($1, 9223372036854775807)
            AND state <> 'succeeded'
        ORDER BY colony DESC, finished_at_ms DESC
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
    CROSS JOIN LATERAL (
        SELECT executor_type, function, submitted_at_ms FROM apiary.specs WHERE process_id = ended.process_id OFFSET 0
    ) AS spec
    LEFT JOIN LATERAL (
        SELECT claimed_at_ms FROM apiary.attempts
        WHERE process_id = ended.process_id AND attempt = 1 AND (ended.executor IS NULL OR ended.attempt > 1)
        OFFSET 0
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT process_id, claimed_at_ms, ended_at_ms FROM apiary.attempts
        WHERE process_id = ended.process_id AND attempt = ended.attempt AND ended.executor IS NULL
        OFFSET 0
    ) AS last ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN ended.executor IS NOT NULL AND ended.attempt = 1 THEN ended.claimed_at_ms ELSE first.claimed_at_ms END
    ) AS first_claim (first_ms)
    WHERE $2::text IS NULL OR spec.executor_type = $2
)
SELECT executor_type, function, count(*) AS count, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
       min(wait_ms) AS wait_ms_min, avg(wait_ms)::bigint AS wait_ms_mean, max(wait_ms) AS wait_ms_max,
       min(run_ms) AS run_ms_min, avg(run_ms)::bigint AS run_ms_mean, max(run_ms) AS run_ms_max,
       ((SELECT count(*) FROM ended) >= $4)::int::bigint AS is_cut
FROM timed
GROUP BY executor_type, function
ORDER BY executor_type, function
LIMIT $5
