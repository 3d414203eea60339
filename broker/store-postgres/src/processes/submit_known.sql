-- The reasons why `submit.sql` did not store processes.
-- $1 process_id: uuid[], $2 colony: bigint[], $3 function: text[], $4 idempotency_key: text[], $5 digest: bytea[], $6 now_ms: bigint,
-- $7 submitter: bigint[]. The same document by another signer is another submission.
-- For a process of another colony only the fact is returned that the id is taken. A deleted process is answered with its last state; a
-- spec that redrove another process, with that process.
-- Race: the reason may be gone by now; such an item is returned with nulls, and is submitted again.
SELECT item.process_id, known.same, live.process_id AS first, known.redrove,
       coalesce(life.state, gone.state, known.last_state) AS state
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $7::bigint[])
    AS item (process_id, colony, function, idempotency_key, digest, submitter)
LEFT JOIN LATERAL (
    SELECT CASE WHEN spec.colony = item.colony AND spec.digest = item.digest AND (
                   SELECT first.grantee = again.grantee FROM apiary.grants AS first, apiary.grants AS again
                   WHERE first.key = spec.submitter AND again.key = item.submitter
               ) THEN 1 ELSE 0 END::bigint AS same,
           NULL AS last_state, NULL::uuid AS redrove
    FROM apiary.specs AS spec
    WHERE spec.process_id = item.process_id
    UNION ALL
    SELECT CASE WHEN gone.colony = item.colony AND gone.digest = item.digest THEN 1 ELSE 0 END::bigint,
           gone.state, gone.redrove
    FROM apiary.deleted AS gone
    WHERE gone.process_id = item.process_id
) AS known ON true
LEFT JOIN apiary.idempotency_keys AS live
    ON live.colony = item.colony AND live.function = item.function AND live.key = item.idempotency_key
    AND live.expires_at_ms > $6
LEFT JOIN apiary.states AS life
    ON life.process_id = CASE WHEN known.same = 1 THEN coalesce(known.redrove, item.process_id) ELSE live.process_id END
    AND life.colony = item.colony
LEFT JOIN apiary.deleted AS gone ON gone.process_id = known.redrove AND gone.colony = item.colony
