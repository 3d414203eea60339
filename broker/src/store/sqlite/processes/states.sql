-- The states of processes, and since when. ?1 colony, ?2 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction.
SELECT process_id, state, since_ms
FROM processes
WHERE colony = ?1 AND state IS NOT NULL AND process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
