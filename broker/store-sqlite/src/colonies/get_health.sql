-- Waiting work by colony and executor type, with its number and the time since which the first could run: at most a thousand rows, the
-- oldest first.
-- ?1 colony, or null for all, ?2 lanes at most, ?3 rows at most, shared among the lanes.
-- No race: it is for display only. It skips from lane to lane in the index `queue_lane` and reads the head of each lane, where the
-- oldest work is, so that its duration does not grow with the queue. A lane with as many rows as its share may have more.
WITH RECURSIVE lane (colony, executor_type) AS (
    SELECT * FROM (
        SELECT colony, executor_type
        FROM queue
        WHERE colony >= coalesce(?1, -9223372036854775808) AND colony <= coalesce(?1, 9223372036854775807)
        ORDER BY colony, executor_type
        LIMIT 1
    )
    UNION ALL
    SELECT next.colony, next.executor_type
    FROM lane
    JOIN queue AS next ON next.process_id = coalesce(
        (
            SELECT waits.process_id
            FROM queue AS waits
            WHERE waits.colony = lane.colony AND waits.executor_type > lane.executor_type
            ORDER BY waits.executor_type
            LIMIT 1
        ),
        (
            SELECT waits.process_id
            FROM queue AS waits
            WHERE waits.colony > lane.colony AND waits.colony <= coalesce(?1, 9223372036854775807)
            ORDER BY waits.colony, waits.executor_type
            LIMIT 1
        )
    )
    LIMIT ?2
),
lanes AS MATERIALIZED (SELECT colony, executor_type FROM lane),
share AS MATERIALIZED (SELECT max(?3 / max(count(*), 1), 10) AS "rows" FROM lanes),
head AS MATERIALIZED (
    SELECT lanes.colony, lanes.executor_type, share."rows",
           (SELECT count(*) FROM (
               SELECT 1
               FROM queue AS waits
               WHERE waits.colony = lanes.colony AND waits.executor_type = lanes.executor_type
               LIMIT (SELECT "rows" FROM share)
           )) AS count,
           (SELECT min(first.since_ms) FROM (
               SELECT waits.since_ms
               FROM queue AS waits
               WHERE waits.colony = lanes.colony AND waits.executor_type = lanes.executor_type
               ORDER BY waits.priority_time_us, waits.process_id
               LIMIT (SELECT "rows" FROM share)
           ) AS first) AS since_ms
    FROM lanes
    CROSS JOIN share
)
SELECT colony.key, colony.id, colony.name, colony.created_at_ms, head.executor_type, head.count, head.since_ms,
       head.count >= head."rows" AS is_cut
FROM head
JOIN colonies AS colony ON colony.key = head.colony
ORDER BY head.since_ms
LIMIT 1000
