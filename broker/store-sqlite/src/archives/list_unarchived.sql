-- Finished processes of a colony that are in no object with the end that they have now, in the order of their ends, with their specs.
-- ?1 colony, ?2 and ?3 after this end, in milliseconds, and process_id: blob, ?4 finished by, ?5 at most.
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
SELECT ended.process_id, spec.submitter, spec.submitted_at_ms, spec.priority_time_us, spec.payload, spec.signature,
       ended.finished_at_ms, ended.state, ended.attempt, ended.retries_spent, ended.reason, ended.ended_by, ended.replaced_by
FROM finished AS ended
JOIN specs AS spec ON spec.process_id = ended.process_id
WHERE ended.colony = ?1 AND ended.finished_at_ms >= ?2 AND (ended.finished_at_ms, ended.process_id) > (?2, ?3)
    AND ended.finished_at_ms <= ?4
    AND NOT EXISTS (
        SELECT 1 FROM archived AS done WHERE done.process_id = ended.process_id AND done.finished_at_ms = ended.finished_at_ms
    )
ORDER BY ended.finished_at_ms, ended.process_id
LIMIT ?5
