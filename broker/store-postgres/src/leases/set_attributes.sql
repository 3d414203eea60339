-- Attaches values to the processes that have room for them. Returns these processes.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 kind: text[], $4 key: text[], $5 value: text[], $6 the most of a process: bigint.
-- Race won: the transaction holds the locks of `hold.sql`, so that no other one attaches values meanwhile.
WITH item AS (
    SELECT *
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[])
        AS item (process_id, attempt, kind, key, value)
),
roomy AS (
    SELECT item.process_id
    FROM item
    LEFT JOIN apiary.attributes AS known
        ON known.process_id = item.process_id AND known.kind = item.kind AND known.key = item.key
    GROUP BY item.process_id
    HAVING count(*) FILTER (WHERE known.process_id IS NULL)
        + (SELECT count(*) FROM apiary.attributes AS other WHERE other.process_id = item.process_id) <= $6
),
kept AS (
    INSERT INTO apiary.attributes (process_id, kind, key, value, attempt)
    SELECT item.process_id, item.kind, item.key, item.value, item.attempt
    FROM item
    JOIN roomy ON roomy.process_id = item.process_id
    ON CONFLICT (process_id, kind, key) DO UPDATE SET value = excluded.value, attempt = excluded.attempt
)
SELECT process_id FROM roomy
