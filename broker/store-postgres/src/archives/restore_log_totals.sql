-- Counts the restored log of a process. $1 process_id: uuid.
-- Race won: it runs in the transaction that stored the spec.
INSERT INTO apiary.log_totals (process_id, lines, bytes)
SELECT $1, count(*)::integer, sum(octet_length(message) + coalesce(octet_length(fields), 0))
FROM apiary.logs
WHERE process_id = $1
HAVING count(*) > 0
