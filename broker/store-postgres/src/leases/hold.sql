-- The leases among these that are held.
-- $1 process_id: uuid[], $2 attempt: integer[], $3 executor: bigint[], $4 now_ms: bigint.
-- Race won: the rows stay locked until the transaction ends, so that no lease ends before the following statements are committed, and
-- two brokers that act for one process take turns.
SELECT lease.process_id
FROM apiary.leases AS lease
JOIN unnest($1::uuid[], $2::integer[], $3::bigint[]) AS item (process_id, attempt, executor)
    ON lease.process_id = item.process_id AND lease.attempt = item.attempt AND lease.executor = item.executor
WHERE lease.process_id = ANY ($1) AND lease.expires_at_ms > $4
ORDER BY lease.process_id
FOR NO KEY UPDATE OF lease
