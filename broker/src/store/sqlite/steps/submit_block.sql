-- Sets processes aside that are kept and may not run yet. ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause)
SELECT unhex(value ->> 'process_id'), value ->> 'colony', ?2, value ->> 'not_before_ms', 0, 0, 'not_before'
FROM jsonb_each(?1)
WHERE value ->> 'not_before_ms' > ?2
