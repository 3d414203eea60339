-- Stores the spec of a finished process again; returns its id. No row if there is a process of this id.
-- ?1 process_id: blob, ?2 colony, ?3 submitter, ?4 priority_time_us, ?5 submitted_at_ms, ?6 submit_by_ms, ?7 max_wait_ms, ?8 max_exec_ms,
-- ?9 priority, ?10 max_retries, ?11 function, ?12 executor_type, ?13 digest, ?14 executor_names, ?15 labels, ?16 requires (JSON or null),
-- ?17 concurrency_key, ?18 rate_key, ?19 signature, ?20 payload.
-- Race won: it runs inside the one write transaction.
INSERT INTO specs (
    process_id, colony, submitter, priority_time_us, submitted_at_ms, submit_by_ms, max_wait_ms, max_exec_ms, priority, max_retries,
    function, executor_type, digest, executor_names, labels, requires, concurrency_key, rate_key, signature, payload
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
ON CONFLICT (process_id) DO NOTHING
RETURNING process_id
