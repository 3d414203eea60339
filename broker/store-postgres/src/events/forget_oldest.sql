-- Deletes the oldest events of a colony: so many of each class, and those before a time among the first rows.
-- $1 colony: bigint, $2 changes: bigint, $3 refusals: bigint, $4 owned: bigint, $5 newcomers: bigint, $6 addresses: bigint,
-- $7 before_ms: bigint, $8 rows to read for the time: bigint.
-- Race won: it runs under the lock of `forget_excess.sql`.
WITH old AS (
    (SELECT position FROM apiary.events WHERE colony = $1 AND class = 0 ORDER BY position LIMIT $2)
    UNION
    (SELECT position FROM apiary.events WHERE colony = $1 AND class = 1 ORDER BY position LIMIT $3)
    UNION
    (SELECT position FROM apiary.events WHERE colony = $1 AND class = 2 ORDER BY position LIMIT $4)
    UNION
    (SELECT position FROM apiary.events WHERE colony = $1 AND class = 3 ORDER BY position LIMIT $5)
    UNION
    (SELECT position FROM apiary.events WHERE colony = $1 AND class = 4 ORDER BY position LIMIT $6)
    UNION
    SELECT first.position
    FROM (SELECT position, time_ms FROM apiary.events WHERE colony = $1 ORDER BY position LIMIT $8) AS first
    WHERE first.time_ms < $7
),
gone AS (
    DELETE FROM apiary.events AS event USING old
    WHERE event.colony = $1 AND event.position = old.position
    RETURNING event.class
)
SELECT count(*) FILTER (WHERE class = 0) AS changes, count(*) FILTER (WHERE class = 1) AS refusals,
       count(*) FILTER (WHERE class = 2) AS owned, count(*) FILTER (WHERE class = 3) AS newcomers,
       count(*) FILTER (WHERE class = 4) AS addresses
FROM gone
