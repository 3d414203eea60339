-- A process.
-- ?1 colony, ?2 process_id: blob.
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
SELECT shown.process_id, shown.colony, shown.function, shown.executor_type, shown.state, shown.attempt,
       shown.retries_spent, shown.priority, shown.submitted_at_ms, shown.since_ms, shown.until_ms,
       shown.submitter_name, shown.executor_name, shown.reason, shown.labels,
       shown.ended_by, shown.cancel_deadline_ms, shown.cause, shown.percent, shown.progress,
       shown.submitter, document.payload, document.signature
FROM processes AS shown
JOIN specs AS document ON document.process_id = shown.process_id
WHERE shown.process_id = ?2 AND shown.colony = ?1
