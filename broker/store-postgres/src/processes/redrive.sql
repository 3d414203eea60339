-- Moves dead letters and failed processes from `finished` to `queue`, with all their retries, and their last attempts to `attempts`. The
-- numbering of attempts continues. Returns the moved ones.
-- $1 colony: bigint, $2 process_id: uuid[], $3 now_ms: bigint.
-- Race won: of two transactions that redrive, delete or discard the same process, exactly one finds its row unchanged.
WITH taken AS (
    DELETE FROM apiary.finished
    WHERE colony = $1 AND process_id = ANY ($2) AND state IN ('dead_letter', 'failed') AND replaced_by IS NULL
    RETURNING process_id, colony, attempt, executor, claimed_at_ms, finished_at_ms, ending, reason, result_signature,
              result_payload
),
kept AS (
    INSERT INTO apiary.attempts (
        process_id, executor, claimed_at_ms, ended_at_ms, attempt, ending, reason, result_signature, result_payload
    )
    SELECT process_id, executor, claimed_at_ms, finished_at_ms, attempt, coalesce(ending, 'succeeded'), reason,
           result_signature, result_payload
    FROM taken
    WHERE executor IS NOT NULL
)
INSERT INTO apiary.queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT taken.process_id, taken.colony, spec.priority_time_us, $3,
       CASE WHEN spec.max_wait_ms > 0 THEN $3 + spec.max_wait_ms END,
       taken.attempt, 0, spec.executor_type, spec.executor_names,
       spec.function, spec.requires, spec.concurrency_key, spec.rate_key
FROM taken
JOIN apiary.specs AS spec ON spec.process_id = taken.process_id AND spec.process_id = ANY ($2)
RETURNING process_id
