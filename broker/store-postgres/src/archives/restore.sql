-- Stores the spec of a finished process again; returns its id. No row if there is a process of this id.
-- $1 process_id: uuid, $2 colony: bigint, $3 submitter: bigint, $4 priority_time_us: bigint, $5 submitted_at_ms: bigint, $6 submit_by_ms:
-- bigint, $7 max_wait_ms: bigint, $8 max_exec_ms: bigint, $9 priority: integer, $10 max_retries: integer, $11 function: text,
-- $12 executor_type: text, $13 digest: bytea, $14 executor_names: text (JSON or null), $15 labels: text (JSON or null), $16 requires: text
-- (JSON or null), $17 concurrency_key: text, $18 rate_key: text, $19 signature: bytea, $20 payload: bytea.
-- Race won: of two that restore it, or submit it at the same time, one gets a row.
INSERT INTO apiary.specs (
    process_id, colony, submitter, priority_time_us, submitted_at_ms, submit_by_ms, max_wait_ms, max_exec_ms, priority, max_retries,
    function, executor_type, digest, executor_names, labels, requires, concurrency_key, rate_key, signature, payload
)
VALUES (
    $1, $2, $3, $4, $5, $6, nullif($7::bigint, 0), nullif($8::bigint, 0), $9, $10, $11, $12, $13, $14::jsonb, $15::jsonb, $16::jsonb,
    $17, $18, $19, $20
)
ON CONFLICT (process_id) DO NOTHING
RETURNING process_id
