-- Counts waiting rows, refused ones, and those among them that are tried again, up to $1: bigint; the age of the oldest waiting one in
-- milliseconds, and the first problem, up to $2 characters: integer.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM apiary.outbox WHERE submitted_at IS NULL AND problem IS NULL LIMIT $1
    ) AS counted) AS waiting,
    (SELECT count(*) FROM (
        SELECT FROM apiary.outbox WHERE submitted_at IS NULL AND problem IS NOT NULL LIMIT $1
    ) AS counted) AS refused,
    (SELECT count(*) FROM (
        SELECT FROM apiary.outbox WHERE submitted_at IS NULL AND problem IS NOT NULL AND retry_at IS NOT NULL LIMIT $1
    ) AS counted) AS retrying,
    (SELECT (extract(epoch FROM now() - created_at) * 1000)::bigint FROM apiary.outbox
        WHERE submitted_at IS NULL AND problem IS NULL ORDER BY id LIMIT 1) AS waiting_age_ms,
    (SELECT left(problem, $2) FROM apiary.outbox
        WHERE submitted_at IS NULL AND problem IS NOT NULL ORDER BY id LIMIT 1) AS problem
