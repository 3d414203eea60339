-- Finishes processes whose attempt ended with success. ?1 process_id: JSON list of hexadecimal digits, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
SELECT process_id, colony, ?2, attempt, retries_spent, 'succeeded', NULL
FROM leases
WHERE process_id IN (SELECT unhex(ended.value) FROM json_each(?1) AS ended) AND cancel_deadline_ms IS NULL
