-- The number of processes that match among the first rows of the list, newest first. Absent filters are null.
-- $1 to $10 as in `list.sql`, $11 rows to read: bigint. `is_more` is 1 if there are further rows.
-- Race: states may change the next moment; it is for display only.
WITH scanned AS MATERIALIZED (
    SELECT process_id, submitter, function, executor_type, labels
    FROM apiary.specs
    WHERE (colony, submitted_at_ms) >= ($1, coalesce($8::bigint, -9223372036854775808))
        AND (colony, submitted_at_ms) <= ($1, $9)
        AND (submitted_at_ms, process_id) < ($9, $10)
    ORDER BY colony DESC, submitted_at_ms DESC, process_id DESC
    LIMIT $11
),
matching AS MATERIALIZED (
    SELECT count(*) AS count
    FROM scanned AS spec
    WHERE ($3::text IS NULL OR executor_type = $3)
        AND ($4::text IS NULL OR function = $4)
        AND ($5::text IS NULL OR labels @> $5::jsonb)
        AND ($6::text IS NULL OR submitter = ANY (ARRAY (SELECT key FROM apiary.grants WHERE colony = $1 AND name = $6)))
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
)
SELECT count, ((SELECT count(*) FROM scanned) >= $11)::int::bigint AS is_more FROM matching
