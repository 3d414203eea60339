-- Ends attempts with success: moves processes from `leases` to `finished`, with the results. If a cancellation was requested, the
-- process is cancelled instead, and the result is not stored. Returns the ended ones, and which of them were cancelled.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 result_payload: bytea[], $5 result_signature: bytea[],
-- $6 now_ms: bigint, $7 batches that the signatures refer to: bytea[], $8 their bytes: bytea[].
-- The results come through `RETURNING`: a later join with them would be planned for few rows, and compare every row with every other.
-- Race won: the first transaction that deletes the lease (a completion, a failure, the sweep) ends the attempt. The token of an older
-- attempt matches no row.
WITH ended AS (
    DELETE FROM apiary.leases AS lease
    USING unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[])
        AS item (process_id, attempt, executor, result_payload, result_signature)
    WHERE lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
        AND lease.expires_at_ms > $6
    RETURNING lease.process_id, lease.colony, lease.executor, lease.claimed_at_ms, lease.attempt, lease.retries_spent,
              lease.cancel_deadline_ms IS NOT NULL AS cancelled, lease.cancel_reason, lease.cancel_by,
              item.result_payload, item.result_signature
),
signed AS (
    INSERT INTO apiary.signature_batches AS known (batch, members, signed)
    SELECT batch, members, given.signed
    FROM unnest($7::bytea[], $8::bytea[]) AS given (batch, signed)
    JOIN (
        SELECT substring(result_signature FROM 1 FOR 16) AS batch, count(*) AS members
        FROM ended
        WHERE NOT cancelled AND octet_length(result_signature) = 20
        GROUP BY 1
    ) AS member USING (batch)
    ORDER BY batch
    ON CONFLICT (batch) DO UPDATE SET members = known.members + excluded.members
),
finished AS (
    INSERT INTO apiary.finished (
        process_id, colony, finished_at_ms, executor, claimed_at_ms, attempt, retries_spent, state, ending, reason, ended_by,
        result_signature, result_payload
    )
    SELECT process_id, colony, $6, executor, claimed_at_ms, attempt, retries_spent,
           CASE WHEN cancelled THEN 'cancelled' ELSE 'succeeded' END, CASE WHEN cancelled THEN 'cancelled' END,
           cancel_reason, cancel_by,
           CASE WHEN NOT cancelled THEN result_signature END, CASE WHEN NOT cancelled THEN result_payload END
    FROM ended
)
SELECT process_id, CASE WHEN cancelled THEN 1 ELSE 0 END::bigint AS cancelled FROM ended
