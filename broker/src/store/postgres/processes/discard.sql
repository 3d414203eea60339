-- Gives dead letters up: failed from now on. Returns those that were given up.
-- $1 colony: bigint, $2 process_id: uuid[], $3 the states that they may be in: text[], $4 reason: text, $5 by: text,
-- $6 now_ms: bigint.
-- Race won: one that is redriven or deleted in this moment is not in such a state any more.
UPDATE apiary.finished
SET state = 'failed', finished_at_ms = $6, reason = $4, ended_by = $5
WHERE colony = $1 AND process_id = ANY ($2) AND state = ANY ($3)
RETURNING process_id
