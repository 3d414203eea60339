-- Stores the attributes of a process again. $1 process_id: uuid, $2 rows: text (JSON list).
-- Race won: it runs in the transaction that stored the spec.
INSERT INTO apiary.attributes (process_id, attempt, kind, key, value)
SELECT $1, attempt, kind, key, value
FROM jsonb_to_recordset($2::text::jsonb) AS item (attempt integer, kind text, key text, value text)
