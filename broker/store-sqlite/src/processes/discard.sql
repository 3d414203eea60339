-- Moves dead letters to the state failed. An empty reason keeps the reason of the failure.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits, ?3 the states that they may be in: JSON list, ?4 reason, ?5 by, ?6 now_ms,
-- ?7 another process replaces them.
-- Race won: there is one writer.
UPDATE finished
SET state = 'failed', finished_at_ms = ?6, reason = CASE WHEN ?4 = '' THEN reason ELSE ?4 END, ended_by = ?5,
    replacing_since_ms = CASE WHEN ?7 THEN NULL ELSE replacing_since_ms END
WHERE colony = ?1 AND state IN (SELECT wanted.value FROM json_each(?3) AS wanted)
    AND process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
