-- The sizes of the logs of processes whose lease is held.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 now_ms: bigint.
-- Races won: the leases are locked against deletion, and the totals until the transaction ends. Two brokers that add lines of one
-- process take turns, so that its bounds hold and its line numbers grow in the order of the commits.
WITH held AS (
    SELECT lease.process_id
    FROM apiary.leases AS lease
    JOIN unnest($1::uuid[], $2::integer[], $3::bigint[]) AS item (process_id, attempt, executor)
        ON lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
    WHERE lease.process_id = ANY ($1) AND lease.expires_at_ms > $4
    ORDER BY lease.process_id
    FOR KEY SHARE OF lease
)
INSERT INTO apiary.log_totals AS total (process_id, lines, bytes)
SELECT process_id, 0, 0 FROM held ORDER BY process_id
ON CONFLICT (process_id) DO UPDATE SET lines = total.lines
RETURNING total.process_id, total.lines, total.bytes
