-- Stores the last progress of a process again. $1 process_id: uuid, $2 colony: bigint, $3 rows: text (JSON list).
-- Race won: it runs in the transaction that stored the spec.
INSERT INTO apiary.progress (
    process_id, colony, number, executor, reported_at_ms, percent, checkpoint_executor, checkpoint_attempt, attempt, message, signature,
    payload, checkpoint_signature, checkpoint_payload
)
SELECT $1, $2, number, executor, reported_at_ms, percent, checkpoint_executor, checkpoint_attempt, attempt, message,
       decode(signature, 'hex'), decode(payload, 'hex'), decode(checkpoint_signature, 'hex'), decode(checkpoint_payload, 'hex')
FROM jsonb_to_recordset($3::text::jsonb) AS item (
    number bigint, executor bigint, reported_at_ms bigint, percent double precision, checkpoint_executor bigint,
    checkpoint_attempt integer, attempt integer, message text, signature text, payload text, checkpoint_signature text,
    checkpoint_payload text
)
