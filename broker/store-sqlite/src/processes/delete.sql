-- Stores records of the specs of processes that are being deleted.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits.
-- Race won: it runs inside the one write transaction, which selected processes that are not running.
INSERT INTO deleted (process_id, colony, digest, state, replaced_by, forget_at_ms)
SELECT spec.process_id, spec.colony, spec.digest, shown.state, ended.replaced_by, spec.submit_by_ms
FROM specs AS spec
JOIN processes AS shown ON shown.process_id = spec.process_id
LEFT JOIN finished AS ended ON ended.process_id = spec.process_id
WHERE spec.colony = ?1 AND spec.process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
ON CONFLICT (process_id) DO NOTHING
