-- Processes without their documents.
-- $1 process_id: uuid[].
-- The sub-select hides the number of ids from the planner: otherwise it would plan each call anew, which takes twice as long.
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
SELECT process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms, since_ms,
       until_ms, submitter, submitter_name, executor_name, reason, labels::text AS labels, ended_by, cancel_deadline_ms, cause,
       percent, progress
FROM apiary.processes
WHERE process_id = ANY (ARRAY (SELECT unnest($1::uuid[])))
