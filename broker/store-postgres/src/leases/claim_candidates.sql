-- Reads and locks the next waiting processes of a lane that an executor with room may have. May return false positives.
-- $1 colony: bigint, $2 executor_type: text, $3 names of executors with room: text[], $4 functions that they may run: text[], or null
-- for all, $5 beginnings of further such functions: text[], $6 functions that are paused or used up: text[], $7 sorts that nobody with
-- room can take: text[], $8 and $9 after this priority_time_us: bigint and process_id: uuid, $10 at most: bigint, $11 true to read work
-- with keys: boolean, $12 concurrency keys and $13 rate keys that are used up: text[], $14 and $15 up to this priority_time_us: bigint
-- and process_id: uuid.
-- There may be thousands of keys: a sub-select is looked up by hash on every version of the server. A sort is the text of everything
-- that decides which executors can have a process.
-- Race won: rows that another broker is claiming are passed over, not waited for. If that broker does not lease one of them, its commit
-- frees the row, and a later scan finds it.
SELECT process_id, priority_time_us, function, executor_names::text AS executor_names, requires::text AS requires,
       concurrency_key, rate_key, concat_ws(' ', function, executor_names, requires) AS sort
FROM apiary.queue
WHERE colony = $1 AND executor_type = $2
    AND (executor_names IS NULL OR executor_names ?| $3)
    AND (
        $4::text[] IS NULL
        OR function = ANY($4)
        OR EXISTS (SELECT FROM unnest($5::text[]) AS beginning WHERE starts_with(function, beginning))
    )
    AND function <> ALL($6)
    AND concat_ws(' ', function, executor_names, requires) <> ALL($7)
    AND ($11 OR (concurrency_key IS NULL AND rate_key IS NULL))
    AND (concurrency_key IS NULL OR concurrency_key NOT IN (SELECT unnest($12::text[])))
    AND (rate_key IS NULL OR rate_key NOT IN (SELECT unnest($13::text[])))
    AND (priority_time_us, process_id) > ($8, $9)
    AND (priority_time_us, process_id) <= ($14, $15)
ORDER BY priority_time_us, process_id
LIMIT $10
FOR UPDATE SKIP LOCKED
