-- Stores log lines.
-- ?1 items: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO logs (colony, process_id, attempt, executor, time_ms, level, message, fields)
SELECT item.value ->> 'colony', unhex(item.value ->> 'process_id'), item.value ->> 'attempt', item.value ->> 'executor',
       item.value ->> 'time_ms', item.value ->> 'level', item.value ->> 'message', item.value ->> 'fields'
FROM jsonb_each(?1) AS item
ORDER BY item.key
