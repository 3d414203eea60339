-- Stores the end of a process again.
-- ?1 process_id: blob, ?2 colony, ?3 finished_at_ms, ?4 replaced_by, ?5 attempt, ?6 retries_spent, ?7 state, ?8 reason, ?9 ended_by.
-- Race won: it runs inside the one write transaction.
INSERT INTO finished (process_id, colony, finished_at_ms, replaced_by, attempt, retries_spent, state, reason, ended_by)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
