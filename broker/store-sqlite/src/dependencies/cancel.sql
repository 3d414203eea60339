-- Moves children of a parent that will never succeed to `finished`, cancelled. Returns them.
-- ?1 process_id: JSON list of hexadecimal digits, ?2 reason, ?3 now_ms.
-- Race won: it runs inside the one write transaction; `leave_blocked.sql` deletes them from `blocked`.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
SELECT process_id, colony, ?3, attempt, retries_spent, 'cancelled', ?2
FROM blocked
WHERE parents_left IS NOT NULL AND process_id IN (SELECT unhex(lost.value) FROM json_each(?1) AS lost)
RETURNING process_id, colony
