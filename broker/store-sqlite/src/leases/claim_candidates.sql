-- Reads the next waiting processes of a lane that an executor with room may have. May return false positives. A row whose names cannot
-- be read is returned, too: the reader reports it.
-- ?1 colony, ?2 executor_type, ?3 names of executors with room: JSON list, ?4 functions that they may run: JSON list, or null for all,
-- ?5 beginnings of further such functions: JSON list, ?6 functions that are paused or used up, ?7 sorts that nobody with room can take:
-- JSON lists, null if empty, ?8 and ?9 after this priority_time_us and process_id: blob, ?10 at most, ?11 true to read work with keys,
-- ?12 concurrency keys and ?13 rate keys that are used up: JSON lists, null if empty, ?14 and ?15 up to this priority_time_us and
-- process_id: blob.
-- Opening a list costs more than everything else here, so an empty list is null and not opened. A sort is the text of everything that
-- decides which executors can have a process. `+ 0`: SQLite compiles a statement anew at each run whose limit is a bare parameter.
-- Race won: it runs inside the one write transaction, so all of them are still there when they are moved.
SELECT process_id, priority_time_us, function, executor_names, requires, concurrency_key, rate_key,
       concat_ws(' ', function, executor_names, requires) AS sort
FROM queue
WHERE colony = ?1 AND executor_type = ?2
    AND CASE
        WHEN executor_names IS NULL OR NOT json_valid(executor_names) THEN 1
        ELSE EXISTS (
            SELECT 1 FROM json_each(executor_names) AS aimed
            WHERE aimed.value IN (SELECT free.value FROM json_each(?3) AS free)
        )
    END
    AND (
        ?4 IS NULL
        OR function IN (SELECT free.value FROM json_each(?4) AS free)
        OR EXISTS (
            SELECT 1 FROM json_each(?5) AS beginning
            WHERE substr(function, 1, length(beginning.value)) = beginning.value
        )
    )
    AND (?6 IS NULL OR function NOT IN (SELECT paused.value FROM json_each(?6) AS paused))
    AND (
        ?7 IS NULL
        OR concat_ws(' ', function, executor_names, requires) NOT IN (SELECT refused.value FROM json_each(?7) AS refused)
    )
    AND (?11 OR (concurrency_key IS NULL AND rate_key IS NULL))
    AND (
        ?12 IS NULL OR concurrency_key IS NULL
        OR concurrency_key NOT IN (SELECT full.value FROM json_each(?12) AS full)
    )
    AND (?13 IS NULL OR rate_key IS NULL OR rate_key NOT IN (SELECT spent.value FROM json_each(?13) AS spent))
    AND (priority_time_us, process_id) > (?8, ?9)
    AND (priority_time_us, process_id) <= (?14, ?15)
ORDER BY priority_time_us, process_id
LIMIT ?10 + 0
