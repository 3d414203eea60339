-- Reads the processes that are due first, and stops the `max_wait` of those that are paused: stores what was left of it when the
-- earliest pause began, or all of it if they began to wait later. They are not due again before the resume.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Races won:
-- - A resume waits for this statement, or this statement for the resume, at the row of the pause: so no process is stopped that no
--   resume will find. All pauses are locked, in the order in which a resume locks them, before the first process is: `count` has read
--   them all.
-- - A process that is being claimed is locked and passed over; one whose deadline a resume moved is not due any more.
WITH first AS MATERIALIZED (
    SELECT process_id, colony, executor_type, function
    FROM apiary.queue
    WHERE wait_deadline_ms <= $1
    ORDER BY wait_deadline_ms
    LIMIT $2
),
sorts AS MATERIALIZED (
    SELECT DISTINCT colony, executor_type, function FROM first
),
paused AS MATERIALIZED (
    SELECT pause.colony, pause.kind, pause.name, pause.since_ms
    FROM apiary.pauses AS pause
    WHERE EXISTS (
        SELECT FROM sorts
        WHERE sorts.colony = pause.colony
            AND (
                pause.kind = 'colony'
                OR (pause.kind = 'executor_type' AND pause.name = sorts.executor_type)
                OR (pause.kind = 'function' AND pause.name = sorts.function)
            )
    )
    ORDER BY pause.colony, pause.kind, pause.name
    FOR SHARE OF pause
),
due AS (
    SELECT waiting.process_id, least(by_colony.since_ms, by_type.since_ms, by_function.since_ms) AS paused_since_ms
    FROM first
    JOIN apiary.queue AS waiting ON waiting.process_id = first.process_id
    LEFT JOIN paused AS by_colony ON by_colony.colony = waiting.colony AND by_colony.kind = 'colony'
    LEFT JOIN paused AS by_type
        ON by_type.colony = waiting.colony AND by_type.kind = 'executor_type' AND by_type.name = waiting.executor_type
    LEFT JOIN paused AS by_function
        ON by_function.colony = waiting.colony AND by_function.kind = 'function' AND by_function.name = waiting.function
    WHERE (SELECT count(*) FROM paused) > 0
        AND waiting.wait_deadline_ms <= $1
        AND coalesce(by_colony.since_ms, by_type.since_ms, by_function.since_ms) IS NOT NULL
    FOR UPDATE OF waiting SKIP LOCKED
)
UPDATE apiary.queue AS waiting
SET wait_left_ms = waiting.wait_deadline_ms - least(greatest(due.paused_since_ms, waiting.since_ms), $1),
    wait_deadline_ms = NULL
FROM due
WHERE waiting.process_id = due.process_id
