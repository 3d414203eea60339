-- Stores the last progress of a process again. ?1 process_id: blob, ?2 colony, ?3 rows: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO progress (
    process_id, colony, number, executor, reported_at_ms, percent, checkpoint_executor, checkpoint_attempt, attempt, message, signature,
    payload, checkpoint_signature, checkpoint_payload
)
SELECT ?1, ?2, item.value ->> 'number', item.value ->> 'executor', item.value ->> 'reported_at_ms', item.value ->> 'percent',
       item.value ->> 'checkpoint_executor', item.value ->> 'checkpoint_attempt', item.value ->> 'attempt', item.value ->> 'message',
       unhex(item.value ->> 'signature'), unhex(item.value ->> 'payload'), unhex(item.value ->> 'checkpoint_signature'),
       unhex(item.value ->> 'checkpoint_payload')
FROM json_each(?3) AS item
