-- Moves processes whose `max_wait` is over from `queue` to `finished`, failed.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Race won: a process that is being claimed is locked and passed over; one deleted here cannot be claimed.
WITH due AS (
    SELECT process_id
    FROM apiary.queue
    WHERE wait_deadline_ms <= $1
    ORDER BY wait_deadline_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
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
