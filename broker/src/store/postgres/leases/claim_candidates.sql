-- The first waiting processes of a lane that some executor with room may have, locked.
-- $1 colony: bigint, $2 executor_type: text, $3 names of executors with room: text[],
-- $4 and $5 after this priority_time_us: bigint and process_id: uuid, $6 at most: bigint.
-- Race won: rows that another broker is claiming are passed over, never waited for. If that broker then has no room for
-- one of them, it is free again at its commit, and the next look of whoever passed it over finds it.
SELECT process_id, priority_time_us, executor_names::text AS executor_names
FROM apiary.queue
WHERE colony = $1 AND executor_type = $2
    AND (executor_names IS NULL OR executor_names ?| $3)
    AND (priority_time_us, process_id) > ($4, $5)
ORDER BY priority_time_us, process_id
LIMIT $6
FOR UPDATE SKIP LOCKED
