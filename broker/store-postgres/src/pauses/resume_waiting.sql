-- Continues the `max_wait` of processes that a pause covered: the time of the pause, or the part of it in which they waited, is added to
-- the deadline. If another pause that began later still covers a process, the rest of its `max_wait` is stored, because the beginning of
-- this pause is lost.
-- $1 colony: bigint, $2 kind: text, $3 name: text, $4 paused since ms: bigint, $5 now_ms: bigint.
-- Race won: it runs in the transaction that deletes the pause and keeps the colony's pauses locked. Until its commit no claim takes the
-- processes, and no sweep fails them.
WITH covered AS (
    SELECT waiting.process_id, least(by_colony.since_ms, by_type.since_ms, by_function.since_ms) AS still_since_ms,
           greatest($4, waiting.since_ms) AS stood_since_ms
    FROM apiary.queue AS waiting
    LEFT JOIN apiary.pauses AS by_colony ON by_colony.colony = waiting.colony AND by_colony.kind = 'colony'
    LEFT JOIN apiary.pauses AS by_type
        ON by_type.colony = waiting.colony AND by_type.kind = 'executor_type' AND by_type.name = waiting.executor_type
    LEFT JOIN apiary.pauses AS by_function
        ON by_function.colony = waiting.colony AND by_function.kind = 'function' AND by_function.name = waiting.function
    WHERE waiting.colony = $1
        AND (
            $2 = 'colony'
            OR ($2 = 'executor_type' AND waiting.executor_type = $3)
            OR ($2 = 'function' AND waiting.function = $3)
        )
        AND (waiting.wait_deadline_ms IS NOT NULL OR waiting.wait_left_ms IS NOT NULL)
)
UPDATE apiary.queue AS waiting
SET wait_deadline_ms = CASE WHEN covered.still_since_ms IS NULL
        THEN coalesce($5 + waiting.wait_left_ms, waiting.wait_deadline_ms + $5 - covered.stood_since_ms) END,
    wait_left_ms = CASE WHEN covered.still_since_ms IS NOT NULL
        THEN waiting.wait_deadline_ms - least(covered.stood_since_ms, $5) END
FROM covered
WHERE waiting.process_id = covered.process_id
    AND CASE
        WHEN covered.still_since_ms IS NULL THEN waiting.wait_left_ms IS NOT NULL OR covered.stood_since_ms < $5
        ELSE waiting.wait_left_ms IS NULL AND covered.stood_since_ms < covered.still_since_ms
    END
