-- Ends attempts with success: moves processes from `leases` to `finished`, with the results. If a cancellation was requested, the
-- process is cancelled instead, and the result is not stored. Returns the ended ones, and which of them were cancelled.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 result_payload: bytea[], $5 result_signature: bytea[],
-- $6 now_ms: bigint, $7 batches that the signatures refer to: bytea[], $8 their bytes: bytea[].
-- The plan is made once, perhaps while `leases` is empty. So leases are looked up one by one, whatever is known of the table, and the results
-- come by a full join, which the server never makes by comparing each row with every other. The condition on `colony` is one that it does not
-- see through, or it would make another join of it.
-- Race won: the first transaction that deletes the lease (a completion, a failure, the sweep) ends the attempt. The token of an older
-- attempt matches no row. A lease that is renewed or marked meanwhile is deleted as it is then; its attempt and executor never change.
WITH item AS MATERIALIZED (
    SELECT *
    FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[])
        AS item (process_id, attempt, executor, result_payload, result_signature)
),
held AS MATERIALIZED (
    SELECT lease.process_id
    FROM item
    CROSS JOIN LATERAL (
        SELECT process_id
        FROM apiary.leases
        WHERE leases.process_id = item.process_id AND leases.attempt = item.attempt AND leases.executor = item.executor
            AND leases.expires_at_ms > $6
        OFFSET 0
    ) AS lease
),
deleted AS (
    DELETE FROM apiary.leases
    WHERE process_id = ANY (ARRAY (SELECT process_id FROM held)) AND expires_at_ms > $6
    RETURNING process_id, colony, executor, claimed_at_ms, attempt, retries_spent, cancel_deadline_ms IS NOT NULL AS cancelled,
              cancel_reason, cancel_by
),
ended AS MATERIALIZED (
    SELECT deleted.*, item.result_payload, item.result_signature
    FROM deleted
    FULL JOIN item ON item.process_id = deleted.process_id
    WHERE CASE WHEN deleted.colony IS NULL THEN false ELSE true END
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
