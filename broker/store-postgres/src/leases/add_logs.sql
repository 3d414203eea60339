-- Stores log lines, and counts them.
-- $1 colony: bigint[], $2 process_id: uuid[], $3 attempt: integer[], $4 executor: bigint[], $5 time_ms: bigint[], $6 level: text[],
-- $7 message: text[], $8 fields: text[], all a line; $9 process_id: uuid[], $10 lines: integer[], $11 bytes: bigint[], all a process.
-- Race won: the transaction holds the locks of `add_logs_totals.sql`.
WITH counted AS (
    UPDATE apiary.log_totals AS total
    SET lines = total.lines + more.lines, bytes = total.bytes + more.bytes
    FROM unnest($9::uuid[], $10::integer[], $11::bigint[]) AS more (process_id, lines, bytes)
    WHERE total.process_id = more.process_id AND total.process_id = ANY ($9)
)
INSERT INTO apiary.logs (colony, process_id, attempt, executor, time_ms, level, message, fields)
SELECT item.colony, item.process_id, item.attempt, item.executor, item.time_ms, item.level, item.message, item.fields
FROM unnest(
    $1::bigint[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[]
) WITH ORDINALITY AS item (colony, process_id, attempt, executor, time_ms, level, message, fields, place)
ORDER BY item.place
