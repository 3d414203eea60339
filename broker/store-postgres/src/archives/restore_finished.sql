-- Stores the end of a process again. Its attempts are in `attempts`, all of them.
-- $1 process_id: uuid, $2 colony: bigint, $3 finished_at_ms: bigint, $4 replaced_by: uuid, $5 attempt: integer, $6 retries_spent: integer,
-- $7 state: text, $8 reason: text, $9 ended_by: text.
-- Race won: it runs in the transaction that stored the spec.
INSERT INTO apiary.finished (process_id, colony, finished_at_ms, replaced_by, attempt, retries_spent, state, reason, ended_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
