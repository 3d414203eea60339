-- The existing processes that prevent items of a submit.
-- ?1 items: JSON list, ?2 now_ms.
-- A deleted process is answered with its last state; a spec that redrove another process, with that process. For a process of another
-- colony only the fact is returned that the id is taken.
-- The same document by another signer is another submission.
-- Race won: it runs inside the one write transaction, so an id or key that is free here stays free until the commit.
WITH item AS MATERIALIZED (
    SELECT unhex(value ->> 'process_id') AS process_id, value ->> 'colony' AS colony, value ->> 'function' AS function,
           value ->> 'idempotency_key' AS idempotency_key, unhex(value ->> 'digest') AS digest,
           value ->> 'submitter' AS submitter
    FROM jsonb_each(?1)
),
met AS MATERIALIZED (
    SELECT item.process_id, item.colony,
           CASE
               WHEN known.process_id IS NOT NULL THEN known.colony = item.colony AND known.digest = item.digest AND (
                   SELECT first.grantee = again.grantee FROM grants AS first, grants AS again
                   WHERE first.key = known.submitter AND again.key = item.submitter
               )
               WHEN gone.process_id IS NOT NULL THEN gone.colony = item.colony AND gone.digest = item.digest
           END AS same,
           live.process_id AS first, gone.redrove, gone.state AS last_state
    FROM item
    LEFT JOIN specs AS known ON known.process_id = item.process_id
    LEFT JOIN deleted AS gone ON gone.process_id = item.process_id
    LEFT JOIN idempotency_keys AS live
        ON live.colony = item.colony AND live.function = item.function AND live.key = item.idempotency_key
        AND live.expires_at_ms > ?2
    WHERE known.process_id IS NOT NULL OR gone.process_id IS NOT NULL OR live.process_id IS NOT NULL
)
SELECT met.process_id, met.same, met.first, met.redrove,
       coalesce(
           (SELECT state FROM processes AS shown
            WHERE shown.process_id = CASE WHEN met.same = 1 THEN coalesce(met.redrove, met.process_id) ELSE met.first END
                AND shown.colony = met.colony),
           (SELECT state FROM deleted AS past WHERE past.process_id = met.redrove AND past.colony = met.colony),
           met.last_state
       ) AS state
FROM met
