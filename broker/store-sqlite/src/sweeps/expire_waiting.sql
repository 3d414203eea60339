-- Reads the processes whose `max_wait` is over first, and inserts those that are not paused into `finished`, failed.
-- ?1 now_ms, ?2 at most.
-- Race won: it runs inside the one write transaction, so none of them is being claimed or resumed.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
SELECT waiting.process_id, waiting.colony, ?1, waiting.attempt, waiting.retries_spent, 'failed', 'nobody claimed it within its max_wait'
FROM (SELECT * FROM queue WHERE wait_deadline_ms <= ?1 ORDER BY wait_deadline_ms LIMIT ?2) AS waiting
WHERE NOT EXISTS (
    SELECT 1 FROM pauses AS pause
    WHERE pause.colony = waiting.colony
        AND (
            pause.kind = 'colony'
            OR (pause.kind = 'executor_type' AND pause.name = waiting.executor_type)
            OR (pause.kind = 'function' AND pause.name = waiting.function)
        )
)
RETURNING process_id
