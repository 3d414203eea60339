-- What stays of the first finished processes of one colony and state, in the order of their ends. Returns one row: when the first finished
-- that nothing keeps, how many of those there are, and how many each reason keeps.
-- $1 colony: bigint, $2 state: text, $3 finished after, $4 finished by, in milliseconds: bigint, $5 how many to read: bigint, $6 now_ms:
-- bigint.
-- The two parts of `due` differ only in the index that each reads in its order.
-- No race: it changes nothing.
WITH due AS MATERIALIZED (
    (
        SELECT process_id, finished_at_ms FROM apiary.finished
        WHERE colony = $1 AND state = 'succeeded' AND $2 = 'succeeded' AND finished_at_ms > $3 AND finished_at_ms <= $4
        ORDER BY finished_at_ms
        LIMIT $5
    )
    UNION ALL
    (
        SELECT process_id, finished_at_ms FROM apiary.finished
        WHERE colony = $1 AND state <> 'succeeded' AND state = $2 AND finished_at_ms > $3 AND finished_at_ms <= $4
        ORDER BY finished_at_ms
        LIMIT $5
    )
)
SELECT min(finished_at_ms) FILTER (WHERE reason IS NULL) AS first_ms, count(*) FILTER (WHERE reason IS NULL) AS free,
       count(*) FILTER (WHERE reason = 'key') AS keys, count(*) FILTER (WHERE reason = 'children') AS children
FROM (
    SELECT finished_at_ms, (
        SELECT reason FROM apiary.kept_processes AS kept
        WHERE kept.process_id = due.process_id AND kept.until_ms > $6
        LIMIT 1
    ) AS reason
    FROM due
) AS read
