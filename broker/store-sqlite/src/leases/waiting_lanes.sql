-- Returns those of these lanes in which work waits. ?1 lanes: JSON list of pairs of colony and executor type.
-- No race: work that comes later has its own wake-up, or is found the next time.
SELECT lane.value ->> 0 AS colony, lane.value ->> 1 AS executor_type
FROM json_each(?1) AS lane
WHERE EXISTS (
    SELECT 1 FROM queue AS waiting
    WHERE waiting.colony = lane.value ->> 0 AND waiting.executor_type = lane.value ->> 1
)
