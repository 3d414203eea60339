-- Records which processes are in an object: those that are finished as it says. Returns their ids.
-- ?1 colony, ?2 archive, ?3 JSON list of pairs of process_id (hexadecimal digits) and finished_at_ms.
-- Race won: it runs inside the one write transaction. What was redriven meanwhile has no such row, and is not recorded.
INSERT INTO archived (process_id, finished_at_ms, archive, line)
SELECT unhex(item.value ->> 0), item.value ->> 1, ?2, item.key
FROM json_each(?3) AS item
WHERE EXISTS (
    SELECT 1 FROM finished
    WHERE finished.process_id = unhex(item.value ->> 0) AND finished.colony = ?1 AND finished.finished_at_ms = item.value ->> 1
)
ON CONFLICT (process_id, archive) DO NOTHING
RETURNING process_id
