-- Ends attempts without success: moves processes from `leases` to the table of the next state, and stores the outcome. If a cancellation
-- was requested, the process is cancelled instead. Returns the ended ones, and which of them were cancelled.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 only_if_over_at_ms: bigint[], $5 ending: text[],
-- $6 reason: text[], $7 result_payload: bytea[], $8 result_signature: bytea[], $9 next: text[], $10 blocked_until_ms: bigint[],
-- $11 retries_spent: integer[], $12 now_ms: bigint.
-- Races won: the first transaction that deletes the lease ends the attempt. A sweep ($4 given) deletes only a lease that is over, so a
-- renewal that came in between keeps it. An executor ($4 null) can end only a lease that is not over.
WITH ended AS (
    DELETE FROM apiary.leases AS lease
    USING unnest(
        $1::uuid[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::text[],
        $10::bigint[], $11::integer[]
    ) AS item (
        process_id, attempt, executor, only_if_over_at_ms, ending, reason, result_payload, result_signature, next,
        blocked_until_ms, retries_spent
    )
    WHERE lease.process_id = ANY ($1)
        AND lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
        AND CASE
            WHEN item.only_if_over_at_ms IS NULL THEN lease.expires_at_ms > $12
            ELSE lease.expires_at_ms <= item.only_if_over_at_ms
        END
        AND (item.next <> 'cancelled' OR lease.cancel_deadline_ms IS NOT NULL)
    RETURNING lease.process_id, lease.colony, lease.executor, lease.claimed_at_ms, lease.attempt,
              lease.retries_spent AS spent_before, lease.cancel_deadline_ms IS NOT NULL AS cancelled, lease.cancel_reason,
              lease.cancel_by, item.ending, item.reason, item.result_payload, item.result_signature, item.next,
              item.blocked_until_ms, item.retries_spent
),
-- Attempts that do not become a part of `finished`: the process is tried again, or was cancelled and ended for another reason.
kept AS (
    INSERT INTO apiary.attempts (
        process_id, executor, claimed_at_ms, ended_at_ms, attempt, ending, reason, result_signature, result_payload
    )
    SELECT process_id, executor, claimed_at_ms, $12, attempt, ending, reason, result_signature, result_payload
    FROM ended
    WHERE cancelled OR next IN ('waiting', 'blocked')
),
waiting AS (
    INSERT INTO apiary.queue (
        process_id, colony, priority_time_us, since_ms, wait_deadline_ms, attempt, retries_spent, executor_type,
        executor_names, function, requires, concurrency_key, rate_key
    )
    SELECT ended.process_id, ended.colony, spec.priority_time_us, $12,
           CASE WHEN spec.max_wait_ms > 0 THEN $12 + spec.max_wait_ms END,
           ended.attempt, ended.retries_spent, spec.executor_type, spec.executor_names,
           spec.function, spec.requires, spec.concurrency_key, spec.rate_key
    FROM ended
    JOIN apiary.specs AS spec ON spec.process_id = ended.process_id AND spec.process_id = ANY ($1)
    WHERE ended.next = 'waiting' AND NOT ended.cancelled
),
set_aside AS (
    INSERT INTO apiary.blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause)
    SELECT process_id, colony, $12, blocked_until_ms, attempt, retries_spent, 'backoff'
    FROM ended
    WHERE next = 'blocked' AND NOT cancelled
),
cancelled AS (
    INSERT INTO apiary.finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason, ended_by)
    SELECT process_id, colony, $12, attempt, spent_before, 'cancelled', cancel_reason, cancel_by
    FROM ended
    WHERE cancelled
),
finished AS (
    INSERT INTO apiary.finished (
        process_id, colony, finished_at_ms, executor, claimed_at_ms, attempt, retries_spent, state, ending, reason,
        result_signature, result_payload
    )
    SELECT process_id, colony, $12, executor, claimed_at_ms, attempt, retries_spent, next, ending, reason, result_signature,
           result_payload
    FROM ended
    WHERE next NOT IN ('waiting', 'blocked') AND NOT cancelled
)
SELECT process_id, CASE WHEN cancelled THEN 1 ELSE 0 END::bigint AS cancelled FROM ended
