-- Processes without their documents. ?1 process_id: JSON list of hexadecimal digits.
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
SELECT process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms, since_ms,
       until_ms, submitter, submitter_name, executor_name, reason, labels, ended_by, cancel_deadline_ms, cause, percent, progress
FROM processes
WHERE process_id IN (SELECT unhex(wanted.value) FROM json_each(?1) AS wanted) AND state IS NOT NULL
