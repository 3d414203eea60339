-- Stores the log of a process again, with the numbers that its lines had, if those were given here and are free; else with new ones.
-- ?1 process_id: blob, ?2 colony, ?3 rows: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO logs (line, process_id, colony, executor, time_ms, attempt, level, message, fields)
SELECT CASE WHEN known.are_free THEN item.value ->> 'line' END, ?1, ?2, item.value ->> 'executor', item.value ->> 'time_ms',
       item.value ->> 'attempt', item.value ->> 'level', item.value ->> 'message', item.value ->> 'fields'
FROM json_each(?3) AS item
CROSS JOIN (
    SELECT max(one.value ->> 'line') <= coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'logs'), 0)
        AND NOT EXISTS (SELECT 1 FROM logs WHERE line IN (SELECT taken.value ->> 'line' FROM json_each(?3) AS taken)) AS are_free
    FROM json_each(?3) AS one
) AS known
ORDER BY item.value ->> 'line'
