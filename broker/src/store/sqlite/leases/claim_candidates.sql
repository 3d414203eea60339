-- The first waiting processes of a lane that some executor with room may have. Names that cannot be read are returned,
-- too: the reader tells.
-- ?1 colony, ?2 executor_type, ?3 names of executors with room: JSON list,
-- ?4 and ?5 after this priority_time_us and process_id: blob, ?6 at most.
-- Race won: it runs inside the one write transaction, so all of them are still there when they are moved.
SELECT process_id, priority_time_us, executor_names
FROM queue
WHERE colony = ?1 AND executor_type = ?2
    AND (priority_time_us, process_id) > (?4, ?5)
    AND CASE
        WHEN executor_names IS NULL OR NOT json_valid(executor_names) THEN 1
        ELSE EXISTS (
            SELECT 1 FROM json_each(executor_names) AS aimed
            WHERE aimed.value IN (SELECT free.value FROM json_each(?3) AS free)
        )
    END
ORDER BY priority_time_us, process_id
LIMIT ?6
