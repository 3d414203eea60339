-- Stores the specs that redrive failed processes and dead letters, so that none of them redrives twice: specs with the idempotency key
-- of a process of the same submitter. Returns the processes.
-- ?1 items: JSON list.
-- Race won: it runs inside the one write transaction; `redrive.sql` and `leave_finished.sql` move the processes.
INSERT INTO deleted (process_id, colony, digest, state, redrove, forget_at_ms)
SELECT unhex(item.value ->> 'process_id'), ended.colony, unhex(item.value ->> 'digest'), 'waiting', ended.process_id,
       item.value ->> 'submit_by_ms'
FROM json_each(?1) AS item
JOIN finished AS ended ON ended.process_id = unhex(item.value ->> 'first') AND ended.colony = item.value ->> 'colony'
JOIN specs AS spec ON spec.process_id = ended.process_id
JOIN grants AS now ON now.key = item.value ->> 'submitter' AND now.colony = ended.colony
JOIN grants AS before ON before.key = spec.submitter AND before.colony = ended.colony AND before.grantee = now.grantee
WHERE ended.state IN ('dead_letter', 'failed') AND ended.replaced_by IS NULL
    AND NOT EXISTS (SELECT 1 FROM deleted AS gone WHERE gone.process_id = unhex(item.value ->> 'process_id'))
    AND NOT EXISTS (SELECT 1 FROM specs AS known WHERE known.process_id = unhex(item.value ->> 'process_id'))
RETURNING redrove AS process_id
