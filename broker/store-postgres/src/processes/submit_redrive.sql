-- Moves failed processes and dead letters back to `queue`, with all their retries, and their last attempts to `attempts`, for specs of
-- the same submitter with their idempotency keys. Stores the specs, so that none of them redrives twice. Returns the moved processes.
-- $1 process_id of the specs: uuid[], $2 the processes that hold the keys: uuid[], $3 colony: bigint[], $4 submitter: bigint[],
-- $5 digest: bytea[], $6 submit_by_ms: bigint[], $7 now_ms: bigint.
-- Race won: of two transactions that redrive the same process, exactly one finds its row unchanged. If two brokers have the same spec,
-- and the process failed again in between, the whole second statement fails on the primary key of `deleted`, and is run again.
WITH taken AS (
    DELETE FROM apiary.finished AS ended
    USING unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[])
            AS item (process_id, first, colony, submitter, digest, submit_by_ms),
        apiary.specs AS spec, apiary.grants AS now, apiary.grants AS before
    WHERE ended.process_id = item.first AND ended.colony = item.colony
        AND ended.process_id = ANY ($2) AND spec.process_id = ANY ($2)
        AND ended.state IN ('dead_letter', 'failed') AND ended.replaced_by IS NULL
        AND spec.process_id = item.first AND now.key = item.submitter AND before.key = spec.submitter
        AND now.colony = item.colony AND before.colony = item.colony AND now.grantee = before.grantee
        AND NOT EXISTS (SELECT FROM apiary.deleted AS gone WHERE gone.process_id = item.process_id)
        AND NOT EXISTS (SELECT FROM apiary.specs AS known WHERE known.process_id = item.process_id)
    RETURNING ended.process_id, ended.colony, ended.attempt, ended.executor, ended.claimed_at_ms, ended.finished_at_ms,
              ended.ending, ended.reason, ended.result_signature, ended.result_payload, item.process_id AS spec_id, item.digest,
              item.submit_by_ms, spec.priority_time_us, spec.max_wait_ms, spec.executor_type, spec.executor_names, spec.function, spec.requires,
              spec.concurrency_key, spec.rate_key
),
kept AS (
    INSERT INTO apiary.attempts (
        process_id, executor, claimed_at_ms, ended_at_ms, attempt, ending, reason, result_signature, result_payload
    )
    SELECT process_id, executor, claimed_at_ms, finished_at_ms, attempt, coalesce(ending, 'succeeded'), reason,
           result_signature, result_payload
    FROM taken
    WHERE executor IS NOT NULL
),
remembered AS (
    INSERT INTO apiary.deleted (process_id, colony, digest, state, redrove, forget_at_ms)
    SELECT spec_id, colony, digest, 'waiting', process_id, submit_by_ms FROM taken
)
INSERT INTO apiary.queue (
    process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
    executor_names, function, requires, concurrency_key, rate_key
)
SELECT process_id, colony, priority_time_us, $7, CASE WHEN max_wait_ms > 0 THEN $7 + max_wait_ms END, attempt, 0,
       executor_type, executor_names, function, requires, concurrency_key, rate_key
FROM taken
RETURNING process_id
