-- Reads the processes whose `max_wait` is over first, and moves those that are not paused from `queue` to `finished`, failed.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Races won:
-- - A process that is being claimed is locked and passed over; one deleted here cannot be claimed.
-- - A resume deletes the pause and moves the deadlines in one transaction: this statement sees both or neither.
WITH first AS MATERIALIZED (
    SELECT process_id, colony, executor_type, function
    FROM apiary.queue
    WHERE wait_deadline_ms <= $1
    ORDER BY wait_deadline_ms
    LIMIT $2
),
due AS (
    SELECT waiting.process_id
    FROM first
    JOIN apiary.queue AS waiting ON waiting.process_id = first.process_id
    WHERE waiting.wait_deadline_ms <= $1
        AND NOT EXISTS (
            SELECT FROM apiary.pauses AS pause
            WHERE pause.colony = first.colony
                AND (
                    pause.kind = 'colony'
                    OR (pause.kind = 'executor_type' AND pause.name = first.executor_type)
                    OR (pause.kind = 'function' AND pause.name = first.function)
                )
        )
    FOR UPDATE OF waiting SKIP LOCKED
),
expired AS (
    DELETE FROM apiary.queue AS waiting
    USING due
    WHERE waiting.process_id = due.process_id
    RETURNING waiting.process_id, waiting.colony, waiting.attempt, waiting.retries_spent, waiting.executor_type
),
finished AS (
    INSERT INTO apiary.finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
    SELECT process_id, colony, $1, attempt, retries_spent, 'failed', 'nobody claimed it within its max_wait'
    FROM expired
)
SELECT process_id, colony, executor_type FROM expired
