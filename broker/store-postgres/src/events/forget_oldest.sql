-- Deletes the oldest events of a colony: so many changes and refusals, and those before a time among the first rows.
-- $1 colony: bigint, $2 changes: bigint, $3 refusals: bigint, $4 before_ms: bigint, $5 rows to read for the time: bigint.
-- Race won: it runs under the lock of `forget_excess.sql`.
WITH old AS (
    (SELECT position FROM apiary.events WHERE colony = $1 AND NOT is_refusal ORDER BY position LIMIT $2)
    UNION
    (SELECT position FROM apiary.events WHERE colony = $1 AND is_refusal ORDER BY position LIMIT $3)
    UNION
    SELECT first.position
    FROM (SELECT position, time_ms FROM apiary.events WHERE colony = $1 ORDER BY position LIMIT $5) AS first
    WHERE first.time_ms < $4
),
gone AS (
    DELETE FROM apiary.events AS event USING old
    WHERE event.colony = $1 AND event.position = old.position
    RETURNING event.is_refusal
)
SELECT count(*) FILTER (WHERE NOT is_refusal) AS changes, count(*) FILTER (WHERE is_refusal) AS refusals FROM gone
