-- A page of a colony's processes, newest first: those that match among the next rows of the list. Absent filters are null.
-- $1 colony: bigint, $2 states: text[], $3 executor_type: text, $4 function: text, $5 labels: text (JSON), $6 submitter: text,
-- $7 executor: text (names), $8 submitted from: bigint, $9 and $10 after this submitted_at_ms: bigint and process_id: uuid, $11 size:
-- bigint, $12 rows to read: bigint, $13 submitted by this key: bytea.
-- The last row, `is_end`, is not of the page: it is the place to go on from, if there may be more.
-- One plan for all filters and any statistics. Comparisons of rows make every estimate large, so that the index is read in its order, and
-- no further than needed: a filter decides row by row, and `page` stops the reading of `scanned` when it is full.
-- Race won: a page starts after a row, not at a count, so that a process submitted meanwhile shifts nothing.
WITH scanned AS MATERIALIZED (
    SELECT process_id, submitted_at_ms, submitter, function, executor_type, labels
    FROM apiary.specs
    WHERE (colony, submitted_at_ms) >= ($1, coalesce($8::bigint, -9223372036854775808))
        AND (colony, submitted_at_ms) <= ($1, $9)
        AND (submitted_at_ms, process_id) < ($9, $10)
    ORDER BY colony DESC, submitted_at_ms DESC, process_id DESC
    LIMIT $12
),
page AS MATERIALIZED (
    SELECT process_id, submitted_at_ms
    FROM scanned AS spec
    WHERE ($3::text IS NULL OR executor_type = $3)
        AND ($4::text IS NULL OR function = $4)
        AND ($5::text IS NULL OR labels @> $5::jsonb)
        AND ($6::text IS NULL OR submitter = ANY (ARRAY (SELECT key FROM apiary.grants WHERE colony = $1 AND name = $6)))
        AND ($13::bytea IS NULL OR submitter = ANY (ARRAY (SELECT key FROM apiary.grants WHERE colony = $1 AND grantee = $13)))
        AND CASE WHEN $2::text[] IS NULL THEN true ELSE
            CASE WHEN 'waiting' = ANY ($2) THEN
                (SELECT true FROM apiary.queue AS life WHERE life.process_id = spec.process_id)
            END
            OR CASE WHEN $2 && '{succeeded,failed,cancelled,dead_letter}' THEN
                (SELECT life.state = ANY ($2) FROM apiary.finished AS life WHERE life.process_id = spec.process_id)
            END
            OR CASE WHEN 'running' = ANY ($2) THEN
                (SELECT true FROM apiary.leases AS life WHERE life.process_id = spec.process_id)
            END
            OR CASE WHEN 'blocked' = ANY ($2) THEN
                (SELECT true FROM apiary.blocked AS life WHERE life.process_id = spec.process_id)
            END
        END
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
    LIMIT $11
),
ending AS MATERIALIZED (
    (SELECT process_id, submitted_at_ms FROM page LIMIT 1 OFFSET $11 - 1)
    UNION ALL
    (SELECT process_id, submitted_at_ms FROM scanned WHERE (SELECT count(*) FROM page) < $11 LIMIT 1 OFFSET $12 - 1)
)
SELECT 0::bigint AS is_end, process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms,
       since_ms, until_ms, submitter, submitter_name, executor_name, reason, labels::text AS labels, ended_by, cancel_deadline_ms, cause,
       percent, progress
FROM apiary.processes
WHERE process_id = ANY (ARRAY (SELECT process_id FROM page))
UNION ALL
SELECT 1, process_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, submitted_at_ms, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL
FROM ending
ORDER BY is_end, submitted_at_ms DESC, process_id DESC
