-- Reads the processes that are due first, and stops the `max_wait` of those that are paused: stores what was left of it when the
-- earliest pause began, or all of it if they began to wait later. They are not due again before the resume.
-- ?1 now_ms, ?2 at most.
-- Race won: it runs inside the one write transaction, so none of them is being claimed or resumed.
UPDATE queue
SET wait_left_ms = queue.wait_deadline_ms - min(max(due.paused_since_ms, queue.since_ms), ?1),
    wait_deadline_ms = NULL
FROM (
    SELECT waiting.process_id,
           min(
               coalesce(by_colony.since_ms, 9223372036854775807), coalesce(by_type.since_ms, 9223372036854775807),
               coalesce(by_function.since_ms, 9223372036854775807)
           ) AS paused_since_ms
    FROM (SELECT * FROM queue WHERE wait_deadline_ms <= ?1 ORDER BY wait_deadline_ms LIMIT ?2) AS waiting
    LEFT JOIN pauses AS by_colony ON by_colony.colony = waiting.colony AND by_colony.kind = 'colony'
    LEFT JOIN pauses AS by_type
        ON by_type.colony = waiting.colony AND by_type.kind = 'executor_type' AND by_type.name = waiting.executor_type
    LEFT JOIN pauses AS by_function
        ON by_function.colony = waiting.colony AND by_function.kind = 'function' AND by_function.name = waiting.function
    WHERE coalesce(by_colony.since_ms, by_type.since_ms, by_function.since_ms) IS NOT NULL
) AS due
WHERE queue.process_id = due.process_id
