-- A page as in `list.sql`, from all processes in the wanted states, which are few by the counters: nothing else is read.
-- $1 to $11 as in `list.sql`, $12 the number of running and blocked processes, of all colonies, from which they are too many: bigint,
-- $13 as in `list.sql`.
-- The last row, `is_end`, is not of the page: 1 is the place to go on from, 2 means that they are too many, and that the page is to be
-- read by `list.sql`. `blocked` and `leases` have no index by colony.
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
WITH around AS MATERIALIZED (
    (SELECT process_id, colony FROM apiary.blocked WHERE 'blocked' = ANY ($2) LIMIT $12)
    UNION ALL
    (SELECT process_id, colony FROM apiary.leases WHERE 'running' = ANY ($2) LIMIT $12)
),
verdict AS MATERIALIZED (SELECT count(*) >= $12 AS is_cut FROM around),
few AS MATERIALIZED (
    SELECT process_id FROM around WHERE colony = $1
    UNION ALL
    SELECT process_id FROM apiary.queue WHERE 'waiting' = ANY ($2) AND colony = $1
    UNION ALL
    SELECT process_id FROM apiary.finished WHERE 'succeeded' = ANY ($2) AND colony = $1 AND state = 'succeeded'
    UNION ALL
    SELECT process_id FROM apiary.finished WHERE colony = $1 AND state <> 'succeeded' AND state = ANY ($2)
),
page AS MATERIALIZED (
    SELECT process_id, submitted_at_ms
    FROM apiary.specs AS spec
    WHERE process_id = ANY (ARRAY (SELECT process_id FROM few WHERE NOT (SELECT is_cut FROM verdict)))
        AND (submitted_at_ms, process_id) < ($9, $10)
        AND ($8::bigint IS NULL OR submitted_at_ms >= $8)
        AND ($3::text IS NULL OR executor_type = $3)
        AND ($4::text IS NULL OR function = $4)
        AND ($5::text IS NULL OR labels @> $5::jsonb)
        AND ($6::text IS NULL OR submitter = ANY (ARRAY (SELECT key FROM apiary.grants WHERE colony = $1 AND name = $6)))
        AND ($13::bytea IS NULL OR submitter = ANY (ARRAY (SELECT key FROM apiary.grants WHERE colony = $1 AND grantee = $13)))
        AND ($7::text IS NULL OR coalesce(
            (SELECT life.executor FROM apiary.leases AS life WHERE life.process_id = spec.process_id),
            (SELECT life.executor FROM apiary.finished AS life WHERE life.process_id = spec.process_id),
            (
                SELECT last.executor FROM apiary.attempts AS last
                WHERE last.process_id = spec.process_id
                ORDER BY last.attempt DESC
                LIMIT 1
            )
        ) = ANY (ARRAY (SELECT key FROM apiary.grants WHERE colony = $1 AND name = $7)))
    ORDER BY submitted_at_ms DESC, process_id DESC
    LIMIT $11
),
ending AS MATERIALIZED (
    (SELECT 1::bigint AS is_end, process_id, submitted_at_ms FROM page LIMIT 1 OFFSET $11 - 1)
    UNION ALL
    SELECT 2, '00000000-0000-0000-0000-000000000000', 0 FROM verdict WHERE is_cut
)
SELECT 0::bigint AS is_end, process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms,
       since_ms, until_ms, submitter, submitter_name, executor_name, reason, labels::text AS labels, ended_by, cancel_deadline_ms, cause,
       percent, progress
FROM apiary.processes
WHERE process_id = ANY (ARRAY (SELECT process_id FROM page))
UNION ALL
SELECT is_end, process_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, submitted_at_ms, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL
FROM ending
ORDER BY is_end, submitted_at_ms DESC, process_id DESC
