-- Stores the attributes of a process again. ?1 process_id: blob, ?2 rows: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO attributes (process_id, attempt, kind, key, value)
SELECT ?1, item.value ->> 'attempt', item.value ->> 'kind', item.value ->> 'key', item.value ->> 'value'
FROM json_each(?2) AS item
