-- Continues the `max_wait` of processes that a pause covered: the time of the pause, or the part of it in which they waited, is added to
-- the deadline. If another pause that began later still covers a process, the rest of its `max_wait` is stored, because the beginning of
-- this pause is lost.
-- ?1 colony, ?2 kind, ?3 name, ?4 paused since ms, ?5 now_ms.
-- Race won: it runs inside the one write transaction, the one that deletes the pause.
UPDATE queue
SET wait_deadline_ms = CASE WHEN covered.still_since_ms IS NULL
        THEN coalesce(?5 + queue.wait_left_ms, queue.wait_deadline_ms + ?5 - covered.stood_since_ms) END,
    wait_left_ms = CASE WHEN covered.still_since_ms IS NOT NULL
        THEN queue.wait_deadline_ms - min(covered.stood_since_ms, ?5) END
FROM (
    SELECT waiting.process_id, max(?4, waiting.since_ms) AS stood_since_ms,
           CASE WHEN coalesce(by_colony.since_ms, by_type.since_ms, by_function.since_ms) IS NOT NULL THEN min(
               coalesce(by_colony.since_ms, 9223372036854775807), coalesce(by_type.since_ms, 9223372036854775807),
               coalesce(by_function.since_ms, 9223372036854775807)
           ) END AS still_since_ms
    FROM queue AS waiting
    LEFT JOIN pauses AS by_colony ON by_colony.colony = waiting.colony AND by_colony.kind = 'colony'
    LEFT JOIN pauses AS by_type
        ON by_type.colony = waiting.colony AND by_type.kind = 'executor_type' AND by_type.name = waiting.executor_type
    LEFT JOIN pauses AS by_function
        ON by_function.colony = waiting.colony AND by_function.kind = 'function' AND by_function.name = waiting.function
    WHERE waiting.colony = ?1
        AND (
            ?2 = 'colony'
            OR (?2 = 'executor_type' AND waiting.executor_type = ?3)
            OR (?2 = 'function' AND waiting.function = ?3)
        )
        AND (waiting.wait_deadline_ms IS NOT NULL OR waiting.wait_left_ms IS NOT NULL)
) AS covered
WHERE queue.process_id = covered.process_id
    AND CASE
        WHEN covered.still_since_ms IS NULL THEN queue.wait_left_ms IS NOT NULL OR covered.stood_since_ms < ?5
        ELSE queue.wait_left_ms IS NULL AND covered.stood_since_ms < covered.still_since_ms
    END
