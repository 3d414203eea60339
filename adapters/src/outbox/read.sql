-- Reads the next waiting rows. Arguments over the bound stay in the database.
-- $1 snapshot of the round: text, or null to begin one. $2 most rows: bigint. $3 bytes of a row's arguments: integer.
-- $4 bytes of all together: bigint. $5 characters of names and key: integer.
-- No position is kept, so that a row whose transaction ends after those with greater ids is found, too. A round has the rows that
-- were committed when it began: what is committed later comes in the next round, also if its id is less. Within a round ids decide;
-- whoever saw the effects of another transaction got a greater id than that.
-- A dump that was restored into another cluster has transactions that this one has not reached: they count as committed.
WITH waiting AS (
    SELECT id, uid, function, executor_type, key, priority, args::text AS args
    FROM apiary.outbox
    WHERE submitted_at IS NULL
        AND problem IS NULL
        AND ($1::text IS NULL
            OR pg_visible_in_snapshot(transaction, $1::pg_snapshot)
            OR transaction >= pg_snapshot_xmax(pg_current_snapshot()))
    ORDER BY id
    LIMIT $2
),
sized AS (
    SELECT waiting.*, octet_length(args) AS bytes, sum(least(octet_length(args), $3)) OVER (ORDER BY id) AS bytes_so_far
    FROM waiting
)
SELECT
    id,
    uid::text AS uid,
    left(function, $5) AS function,
    left(executor_type, $5) AS executor_type,
    left(key, $5) AS key,
    priority,
    bytes,
    CASE WHEN bytes <= $3 THEN args END AS args,
    pg_current_snapshot()::text AS snapshot
FROM sized
WHERE bytes_so_far <= $4
ORDER BY id
