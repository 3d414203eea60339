-- Inserts new processes that may not run yet into `blocked`.
-- ?1 items: JSON list, ?2 now_ms.
-- Race won: it runs inside the one write transaction.
INSERT INTO blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause, parents_left)
SELECT unhex(value ->> 'process_id'), value ->> 'colony', ?2, max(coalesce(value ->> 'not_before_ms', ?2), ?2), 0, 0,
       CASE WHEN value ->> 'parents' IS NULL THEN 'not_before' ELSE 'parents' END, json_array_length(value ->> 'parents')
FROM jsonb_each(?1)
WHERE value ->> 'not_before_ms' > ?2 OR value ->> 'parents' IS NOT NULL
