-- Stores the attempts at a process again. $1 process_id: uuid, $2 rows: text (JSON list).
-- Race won: it runs in the transaction that stored the spec.
INSERT INTO apiary.attempts (
    process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_signature, result_payload
)
SELECT $1, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, decode(result_signature, 'hex'), decode(result_payload, 'hex')
FROM jsonb_to_recordset($2::text::jsonb) AS item (
    attempt integer, executor bigint, claimed_at_ms bigint, ended_at_ms bigint, ending text, reason text, result_signature text,
    result_payload text
)
