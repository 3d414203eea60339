-- Waiting work by colony and executor type, with its number and the time since which the first could run: at most a thousand rows, the
-- oldest first.
-- $1 colony: bigint, or null for all, $2 lanes at most: bigint, $3 rows at most, shared among the lanes: bigint.
-- No race: it is for display only. It skips from lane to lane in the index `queue_lane` and reads the head of each lane, where the
-- oldest work is, so that its duration does not grow with the queue. A lane with as many rows as its share may have more.
WITH RECURSIVE lane AS (
    (
        SELECT colony, executor_type
        FROM apiary.queue
        WHERE colony >= coalesce($1::bigint, -9223372036854775808)
            AND colony <= coalesce($1::bigint, 9223372036854775807)
        ORDER BY colony, executor_type
        LIMIT 1
    )
    UNION ALL
    SELECT next.colony, next.executor_type
    FROM lane
    CROSS JOIN LATERAL (
        SELECT waits.colony, waits.executor_type
        FROM apiary.queue AS waits
        WHERE (waits.colony, waits.executor_type) > (lane.colony, lane.executor_type)
            AND waits.colony <= coalesce($1::bigint, 9223372036854775807)
        ORDER BY waits.colony, waits.executor_type
        LIMIT 1
    ) AS next
),
lanes AS MATERIALIZED (SELECT colony, executor_type FROM lane LIMIT $2),
share AS MATERIALIZED (SELECT greatest($3::bigint / greatest(count(*), 1), 10) AS rows FROM lanes)
SELECT colony.key, colony.id, colony.name, colony.created_at_ms, lanes.executor_type, head.count, head.since_ms,
       (head.count >= share.rows)::integer::bigint AS is_cut
FROM lanes
CROSS JOIN share
CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(first.since_ms) AS since_ms
    FROM (
        SELECT waits.since_ms
        FROM apiary.queue AS waits
        WHERE waits.colony = lanes.colony AND waits.executor_type = lanes.executor_type
        ORDER BY waits.colony, waits.executor_type, waits.priority_time_us, waits.process_id
        LIMIT (SELECT rows FROM share)
    ) AS first
) AS head
JOIN apiary.colonies AS colony ON colony.key = lanes.colony
WHERE head.count > 0
ORDER BY head.since_ms
LIMIT 1000
