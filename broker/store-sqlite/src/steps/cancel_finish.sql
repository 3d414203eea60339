-- Finishes processes that are cancelled before they run. ?1 colony, ?2 process_id: JSON list of hexadecimal digits, ?3 reason,
-- ?4 by, ?5 now_ms. Race won: it runs inside the one write transaction.
INSERT INTO finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason, ended_by)
SELECT process_id, colony, ?5, attempt, retries_spent, 'cancelled', ?3, ?4
FROM (
    SELECT process_id, colony, attempt, retries_spent FROM queue
    UNION ALL
    SELECT process_id, colony, attempt, retries_spent FROM blocked
)
WHERE colony = ?1 AND process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
