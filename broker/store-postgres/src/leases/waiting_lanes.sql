-- Returns those of these lanes in which work waits.
-- $1 colony: bigint[], $2 executor_type: text[].
-- Without LIMIT the server may join the lanes with the whole queue, while it has no statistics of it.
-- No race: work that comes later has its own wake-up, or is found the next time.
SELECT lane.colony, lane.executor_type
FROM unnest($1::bigint[], $2::text[]) AS lane (colony, executor_type)
CROSS JOIN LATERAL (
    SELECT FROM apiary.queue AS waiting
    WHERE waiting.colony = lane.colony AND waiting.executor_type = lane.executor_type
    ORDER BY waiting.priority_time_us, waiting.process_id
    LIMIT 1
) AS first
