-- Stores the log of a process again, with the numbers that its lines had, if those were given here and are free; else with new ones.
-- $1 process_id: uuid, $2 colony: bigint, $3 rows: text (JSON list).
-- Race won: it runs in the transaction that stored the spec. A number beyond the last given one would be given again.
WITH item AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($3::text::jsonb) AS item (
        line bigint, attempt integer, executor bigint, time_ms bigint, level text, message text, fields text
    )
),
known AS MATERIALIZED (
    SELECT max(line) <= (SELECT last_value FROM apiary.logs_line_seq)
        AND (SELECT count(*) FROM apiary.logs WHERE logs.line = ANY (ARRAY (SELECT line FROM item))) = 0 AS are_free
    FROM item
)
INSERT INTO apiary.logs (line, process_id, colony, executor, time_ms, attempt, level, message, fields)
OVERRIDING SYSTEM VALUE
SELECT CASE WHEN (SELECT are_free FROM known) THEN line ELSE nextval('apiary.logs_line_seq') END, $1, $2, executor, time_ms, attempt, level,
       message, fields
FROM (SELECT * FROM item ORDER BY line) AS item
