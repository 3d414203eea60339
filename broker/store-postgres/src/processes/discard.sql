-- Moves dead letters to the state failed, and their last attempts to `attempts`. An empty reason keeps the reason of the failure. Returns
-- the moved ones.
-- $1 colony: bigint, $2 process_id: uuid[], $3 the states that they may be in: text[], $4 reason: text, $5 by: text, $6 now_ms: bigint,
-- $7 another process replaces them: boolean.
-- Race won: a process that is redriven or deleted at this moment is not in such a state any more. The rows are locked before they are
-- read, so that of two transactions that discard the same process only one moves its attempt.
WITH held AS MATERIALIZED (
    SELECT process_id, executor, claimed_at_ms, finished_at_ms, attempt, ending, reason, result_signature, result_payload
    FROM apiary.finished
    WHERE colony = $1 AND process_id = ANY ($2) AND state = ANY ($3)
    ORDER BY process_id
    FOR UPDATE
),
kept AS (
    INSERT INTO apiary.attempts (
        process_id, executor, claimed_at_ms, ended_at_ms, attempt, ending, reason, result_signature, result_payload
    )
    SELECT process_id, executor, claimed_at_ms, finished_at_ms, attempt, coalesce(ending, 'succeeded'), reason,
           result_signature, result_payload
    FROM held
    WHERE executor IS NOT NULL
)
UPDATE apiary.finished AS ended
SET state = 'failed', finished_at_ms = $6, reason = CASE WHEN $4 = '' THEN ended.reason ELSE $4 END, ended_by = $5,
    replacing_since_ms = CASE WHEN $7 THEN NULL ELSE ended.replacing_since_ms END,
    executor = NULL, claimed_at_ms = NULL, ending = NULL, result_signature = NULL, result_payload = NULL
FROM held
WHERE ended.process_id = held.process_id
RETURNING ended.process_id
