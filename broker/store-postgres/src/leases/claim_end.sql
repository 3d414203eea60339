-- The place in a lane at which one transaction of a claim ends; no row if the lane ends before it.
-- $1 colony: bigint, $2 executor_type: text, $3 and $4 after this priority_time_us: bigint and process_id: uuid, $5 how many to pass
-- over: bigint.
-- No race: it only bounds the work of the transaction. Rows that come and go before that place change it a little.
SELECT process_id, priority_time_us
FROM apiary.queue
WHERE colony = $1 AND executor_type = $2 AND (priority_time_us, process_id) > ($3, $4)
ORDER BY priority_time_us, process_id
LIMIT 1 OFFSET $5
