-- Attaches values to the processes that have room for them. Returns the process of each stored value.
-- ?1 items: JSON list, ?2 the most of a process.
-- Race won: it runs inside the one write transaction.
WITH item AS (
    SELECT unhex(value ->> 'process_id') AS process_id, value ->> 'attempt' AS attempt, value ->> 'kind' AS kind,
           value ->> 'key' AS key, value ->> 'value' AS value
    FROM jsonb_each(?1)
),
roomy AS (
    SELECT item.process_id
    FROM item
    LEFT JOIN attributes AS known
        ON known.process_id = item.process_id AND known.kind = item.kind AND known.key = item.key
    GROUP BY item.process_id
    HAVING count(*) FILTER (WHERE known.process_id IS NULL)
        + (SELECT count(*) FROM attributes AS other WHERE other.process_id = item.process_id) <= ?2
)
INSERT INTO attributes (process_id, kind, key, value, attempt)
SELECT item.process_id, item.kind, item.key, item.value, item.attempt
FROM item
JOIN roomy ON roomy.process_id = item.process_id
WHERE true
ON CONFLICT (process_id, kind, key) DO UPDATE SET value = excluded.value, attempt = excluded.attempt
RETURNING process_id
