-- Stores records of the specs of processes that retention deletes, where they could still be submitted again. A replacement is recorded
-- also when its spec is of no use any more: a child that is being submitted looks for it.
-- ?1 process_id: JSON list of hexadecimal digits, ?2 now_ms, ?3 record the specs whose submit_by_ms is later.
-- Race won: it runs inside the one write transaction.
INSERT INTO deleted (process_id, colony, digest, state, replaced_by, forget_at_ms)
SELECT spec.process_id, spec.colony, spec.digest, ended.state, ended.replaced_by, max(spec.submit_by_ms, ?2)
FROM json_each(?1) AS gone
CROSS JOIN specs AS spec ON spec.process_id = unhex(gone.value)
CROSS JOIN finished AS ended ON ended.process_id = spec.process_id
WHERE spec.submit_by_ms > ?3 OR ended.replaced_by IS NOT NULL
ON CONFLICT (process_id) DO NOTHING
