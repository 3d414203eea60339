-- Counts log lines that were kept. ?1 items: JSON list. Race won: it runs inside the one write transaction.
UPDATE log_totals
SET lines = log_totals.lines + more.lines, bytes = log_totals.bytes + more.bytes
FROM (
    SELECT unhex(value ->> 'process_id') AS process_id, value ->> 'lines' AS lines, value ->> 'bytes' AS bytes
    FROM jsonb_each(?1)
) AS more
WHERE log_totals.process_id = more.process_id
