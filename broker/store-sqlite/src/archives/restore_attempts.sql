-- Stores the attempts at a process again. ?1 process_id: blob, ?2 rows: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO attempts (process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_signature, result_payload)
SELECT ?1, item.value ->> 'attempt', item.value ->> 'executor', item.value ->> 'claimed_at_ms', item.value ->> 'ended_at_ms',
       item.value ->> 'ending', item.value ->> 'reason', unhex(item.value ->> 'result_signature'), unhex(item.value ->> 'result_payload')
FROM json_each(?2) AS item
