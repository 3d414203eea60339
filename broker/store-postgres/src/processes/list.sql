-- A page of a colony's processes, newest first. Absent filters are null. The plan is made anew for each call, so that it reads only the
-- tables of the wanted states.
-- $1 colony: bigint, $2 states: text[], $3 executor_type: text, $4 function: text, $5 labels: text (JSON), $6 submitter: text,
-- $7 executor: text (names), $8 submitted from: bigint, $9 submitted until: bigint, $10 and $11 after this submitted_at_ms: bigint and
-- process_id: uuid, $12 size: bigint.
-- Race won: a page starts after a row, not at a count, so that a process submitted meanwhile shifts nothing.
SELECT process_id, colony, function, executor_type, state, attempt, retries_spent, priority, submitted_at_ms, since_ms,
       until_ms, submitter_name, executor_name, reason, labels::text AS labels, ended_by, cancel_deadline_ms, cause,
       percent, progress
FROM apiary.processes
WHERE colony = $1
    AND (submitted_at_ms, process_id) < ($10, $11)
    AND ($2::text[] IS NULL OR state = ANY ($2))
    AND ($3::text IS NULL OR executor_type = $3)
    AND ($4::text IS NULL OR function = $4)
    AND ($5::text IS NULL OR labels @> $5::jsonb)
    AND ($6::text IS NULL OR submitter IN (SELECT key FROM apiary.grants WHERE colony = $1 AND name = $6))
    AND ($7::text IS NULL OR executor_name = $7)
    AND ($8::bigint IS NULL OR submitted_at_ms >= $8)
    AND ($9::bigint IS NULL OR submitted_at_ms < $9)
ORDER BY submitted_at_ms DESC, process_id DESC
LIMIT $12
