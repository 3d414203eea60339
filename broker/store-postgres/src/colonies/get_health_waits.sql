-- Work that was given back because something around it is out of order, by executor type and cause, the largest number first.
-- $1 colony: bigint, $2 at most, processes: bigint, $3 at most, causes: bigint.
-- No race: it is for display only. A process that was just moved to `queue` is not counted. The process named for a cause is the one
-- that waits longest.
WITH waits AS MATERIALIZED (
    SELECT spec.executor_type, last.waits_on, last.reason, held.process_id, spec.function, spec.labels, last.waits_since_ms
    FROM (
        SELECT process_id, attempt
        FROM apiary.blocked
        WHERE colony = $1 AND cause = 'surroundings'
        LIMIT $2
    ) AS held
    JOIN apiary.specs AS spec ON spec.process_id = held.process_id
    JOIN apiary.attempts AS last ON last.process_id = held.process_id AND last.attempt = held.attempt
),
longest AS (
    SELECT DISTINCT ON (executor_type, waits_on) executor_type, waits_on, reason, process_id, function, labels
    FROM waits
    ORDER BY executor_type, waits_on, waits_since_ms NULLS LAST, process_id
),
causes AS (
    SELECT executor_type, waits_on, count(*) AS count, min(waits_since_ms) AS since_ms
    FROM waits
    GROUP BY executor_type, waits_on
)
SELECT causes.executor_type, causes.waits_on, longest.reason, longest.process_id, longest.function,
       longest.labels::text AS labels, causes.count, causes.since_ms
FROM causes
JOIN longest ON longest.executor_type = causes.executor_type AND longest.waits_on IS NOT DISTINCT FROM causes.waits_on
ORDER BY causes.count DESC, causes.waits_on
LIMIT $3
