-- Moves dead letters to the state failed. An empty reason keeps the reason of the failure. Returns the moved ones.
-- $1 colony: bigint, $2 process_id: uuid[], $3 the states that they may be in: text[], $4 reason: text, $5 by: text, $6 now_ms: bigint,
-- $7 another process replaces them: boolean.
-- Race won: a process that is redriven or deleted at this moment is not in such a state any more.
UPDATE apiary.finished
SET state = 'failed', finished_at_ms = $6, reason = CASE WHEN $4 = '' THEN reason ELSE $4 END, ended_by = $5,
    replacing_since_ms = CASE WHEN $7 THEN NULL ELSE replacing_since_ms END
WHERE colony = $1 AND process_id = ANY ($2) AND state = ANY ($3)
RETURNING process_id
