-- Stores the last progress of leased processes, and the last with a checkpoint. Returns the processes whose lease is held, with 1 if the
-- report was newer than the stored one.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 number: bigint[], $5 percent: double precision[],
-- $6 message: text[], $7 has_checkpoint: boolean[], $8 signature: bytea[], $9 payload: bytea[], $10 now_ms: bigint.
-- Races won: the lease is locked against deletion (not against renewals), so that nothing is stored for an attempt that ends at this
-- moment. Of two reports the one with the higher number stays, in either order.
WITH item AS (
    SELECT *
    FROM unnest(
        $1::uuid[], $2::integer[], $3::bigint[], $4::bigint[], $5::double precision[], $6::text[], $7::boolean[],
        $8::bytea[], $9::bytea[]
    ) AS item (process_id, attempt, executor, number, percent, message, has_checkpoint, signature, payload)
),
held AS (
    SELECT lease.process_id, lease.colony
    FROM apiary.leases AS lease
    JOIN unnest($1::uuid[], $2::integer[], $3::bigint[]) AS item (process_id, attempt, executor)
        ON lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
    WHERE lease.process_id = ANY ($1) AND lease.expires_at_ms > $10
    ORDER BY lease.process_id
    FOR KEY SHARE OF lease
),
kept AS (
    INSERT INTO apiary.progress AS last (
        process_id, colony, attempt, number, executor, reported_at_ms, percent, message, signature, payload,
        checkpoint_executor, checkpoint_attempt, checkpoint_signature, checkpoint_payload
    )
    SELECT item.process_id, held.colony, item.attempt, item.number, item.executor, $10, item.percent, item.message,
           item.signature, item.payload,
           CASE WHEN item.has_checkpoint THEN item.executor END, CASE WHEN item.has_checkpoint THEN item.attempt END,
           CASE WHEN item.has_checkpoint THEN item.signature END, CASE WHEN item.has_checkpoint THEN item.payload END
    FROM held
    JOIN item ON item.process_id = held.process_id
    ORDER BY item.process_id
    ON CONFLICT (process_id) DO UPDATE SET
        attempt = excluded.attempt,
        number = excluded.number,
        executor = excluded.executor,
        reported_at_ms = excluded.reported_at_ms,
        percent = coalesce(excluded.percent, CASE WHEN last.attempt = excluded.attempt THEN last.percent END),
        message = coalesce(excluded.message, CASE WHEN last.attempt = excluded.attempt THEN last.message END),
        signature = excluded.signature,
        payload = excluded.payload,
        checkpoint_executor = coalesce(excluded.checkpoint_executor, last.checkpoint_executor),
        checkpoint_attempt = coalesce(excluded.checkpoint_attempt, last.checkpoint_attempt),
        checkpoint_signature = coalesce(excluded.checkpoint_signature, last.checkpoint_signature),
        checkpoint_payload = coalesce(excluded.checkpoint_payload, last.checkpoint_payload)
    WHERE (last.attempt, last.number) < (excluded.attempt, excluded.number)
    RETURNING last.process_id
)
SELECT held.process_id, CASE WHEN kept.process_id IS NULL THEN 0 ELSE 1 END::bigint AS changed
FROM held
LEFT JOIN kept ON kept.process_id = held.process_id
