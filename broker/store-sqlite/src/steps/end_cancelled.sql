-- Moves processes with a requested cancellation to `finished`, whatever the outcome of their attempt. Returns them.
-- ?1 process_id: JSON list of hexadecimal digits, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason, ended_by)
SELECT process_id, colony, ?2, attempt, retries_spent, 'cancelled', cancel_reason, cancel_by
FROM leases
WHERE process_id IN (SELECT unhex(ended.value) FROM json_each(?1) AS ended) AND cancel_deadline_ms IS NOT NULL
RETURNING process_id
