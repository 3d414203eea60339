-- Counts the restored log of a process. ?1 process_id: blob.
-- Race won: it runs inside the one write transaction.
INSERT INTO log_totals (process_id, lines, bytes)
SELECT ?1, count(*), sum(octet_length(message) + coalesce(octet_length(fields), 0))
FROM logs
WHERE process_id = ?1
HAVING count(*) > 0
