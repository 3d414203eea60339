-- Finishes processes whose `max_wait` is over, failed. ?1 now_ms, ?2 at most.
-- Race won: it runs inside the one write transaction, so none of them is being claimed.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
SELECT process_id, colony, ?1, attempt, retries_spent, 'failed', 'nobody claimed it within its max_wait'
FROM queue
WHERE wait_deadline_ms <= ?1
ORDER BY wait_deadline_ms
LIMIT ?2
RETURNING process_id
