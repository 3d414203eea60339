-- Finished processes of a colony that are in no object with the end that they have now, in the order of their ends, with their specs.
-- $1 colony: bigint, $2 and $3 after this end, in milliseconds: bigint, and process_id: uuid, $4 finished by: bigint, $5 at most: bigint.
-- The two parts of `ended` differ only in the index that each reads in its order.
-- Race: none that matters; what changes meanwhile is not recorded by `add_processes.sql`.
WITH ended AS MATERIALIZED (
    (
        SELECT process_id, finished_at_ms FROM apiary.finished AS one
        WHERE colony = $1 AND state = 'succeeded'
            AND finished_at_ms >= $2 AND (finished_at_ms, process_id) > ($2, $3) AND finished_at_ms <= $4
            AND (
                SELECT 1 FROM apiary.archived AS done
                WHERE done.process_id = one.process_id AND done.finished_at_ms = one.finished_at_ms
                LIMIT 1
            ) IS NULL
        ORDER BY finished_at_ms, process_id
        LIMIT $5
    )
    UNION ALL
    (
        SELECT process_id, finished_at_ms FROM apiary.finished AS one
        WHERE colony = $1 AND state <> 'succeeded'
            AND finished_at_ms >= $2 AND (finished_at_ms, process_id) > ($2, $3) AND finished_at_ms <= $4
            AND (
                SELECT 1 FROM apiary.archived AS done
                WHERE done.process_id = one.process_id AND done.finished_at_ms = one.finished_at_ms
                LIMIT 1
            ) IS NULL
        ORDER BY finished_at_ms, process_id
        LIMIT $5
    )
)
SELECT spec.process_id, spec.submitter, spec.submitted_at_ms, spec.priority_time_us, spec.payload, spec.signature, batch.signed,
       finished.finished_at_ms, finished.state, finished.attempt, finished.retries_spent, finished.reason, finished.ended_by,
       finished.replaced_by
FROM (SELECT process_id FROM ended ORDER BY finished_at_ms, process_id LIMIT $5) AS page
JOIN apiary.finished ON finished.process_id = page.process_id
JOIN apiary.specs AS spec ON spec.process_id = page.process_id
LEFT JOIN apiary.signature_batches AS batch
    ON octet_length(spec.signature) = 20 AND batch.batch = substring(spec.signature FROM 1 FOR 16)
ORDER BY finished.finished_at_ms, finished.process_id
