-- Ends attempts with success: moves processes from `leases` to `finished`, and stores the results. If a cancellation was requested, the
-- process is cancelled instead, and the result is not stored. Returns the ended ones, and which of them were cancelled.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 result_payload: bytea[], $5 result_signature: bytea[],
-- $6 now_ms: bigint.
-- Race won: the first transaction that deletes the lease (a completion, a failure, the sweep) ends the attempt. The token of an older
-- attempt matches no row.
WITH item AS (
    SELECT *
    FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[])
        AS item (process_id, attempt, executor, result_payload, result_signature)
),
ended AS (
    DELETE FROM apiary.leases AS lease
    USING unnest($1::uuid[], $2::integer[], $3::bigint[]) AS item (process_id, attempt, executor)
    WHERE lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
        AND lease.expires_at_ms > $6
    RETURNING lease.process_id, lease.colony, lease.executor, lease.claimed_at_ms, lease.attempt, lease.retries_spent,
              lease.cancel_deadline_ms IS NOT NULL AS cancelled, lease.cancel_reason, lease.cancel_by
),
kept AS (
    INSERT INTO apiary.attempts (
        process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason, result_signature, result_payload
    )
    SELECT ended.process_id, ended.attempt, ended.executor, ended.claimed_at_ms, $6,
           CASE WHEN ended.cancelled THEN 'cancelled' ELSE 'succeeded' END, ended.cancel_reason,
           CASE WHEN NOT ended.cancelled THEN item.result_signature END,
           CASE WHEN NOT ended.cancelled THEN item.result_payload END
    FROM ended
    JOIN item ON item.process_id = ended.process_id
),
finished AS (
    INSERT INTO apiary.finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason, ended_by)
    SELECT process_id, colony, $6, attempt, retries_spent, CASE WHEN cancelled THEN 'cancelled' ELSE 'succeeded' END,
           cancel_reason, cancel_by
    FROM ended
)
SELECT process_id, CASE WHEN cancelled THEN 1 ELSE 0 END::bigint AS cancelled FROM ended
