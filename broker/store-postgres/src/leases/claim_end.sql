-- The place in a lane up to which one transaction of a claim walks; nothing if the lane ends before.
-- $1 colony: bigint, $2 executor_type: text, $3 and $4 after this priority_time_us: bigint and process_id: uuid, $5 how many to pass over: bigint.
-- No race: it is only a measure of the way; what comes and goes before that place changes its length a little.
SELECT process_id, priority_time_us
FROM apiary.queue
WHERE colony = $1 AND executor_type = $2 AND (priority_time_us, process_id) > ($3, $4)
ORDER BY priority_time_us, process_id
LIMIT 1 OFFSET $5
