-- Reads refused rows that are to be tried again now, those that have waited longest first. Arguments over the bound stay in the database.
-- $1 most rows: bigint. $2 bytes of a row's arguments: integer. $3 bytes of all together: bigint. $4 characters of names and key:
-- integer.
WITH due AS (
    SELECT id, uid, function, executor_type, key, priority, args::text AS args, retry_at
    FROM apiary.outbox
    WHERE submitted_at IS NULL AND problem IS NOT NULL AND retry_at <= now()
    ORDER BY retry_at, id
    LIMIT $1
),
sized AS (
    SELECT due.*, octet_length(args) AS bytes,
        sum(least(octet_length(args), $2)) OVER (ORDER BY retry_at, id) AS bytes_so_far
    FROM due
)
SELECT
    id,
    uid::text AS uid,
    left(function, $4) AS function,
    left(executor_type, $4) AS executor_type,
    left(key, $4) AS key,
    priority,
    bytes,
    CASE WHEN bytes <= $2 THEN args END AS args
FROM sized
WHERE bytes_so_far <= $3
ORDER BY id
