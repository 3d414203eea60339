-- Deletes finished processes of one colony and state in the order of their ends, with everything that belongs to them. Returns one row:
-- how many were read, how many of them are deleted, and when the last of them finished.
-- $1 colony: bigint, $2 state: text, $3 finished after, $4 finished by, in milliseconds: bigint, $5 how many to read: bigint, $6 now_ms:
-- bigint, $7 record the specs whose submit_by_ms is later: bigint.
-- The range ends with a whole millisecond, so that the next one begins behind it. What `kept_processes` names is read and stays; so does
-- what is not archived, in a colony that archives (the hold `archive`).
-- The two parts of `due` differ only in the index that each reads in its order: the first is for `succeeded`, the second for every other
-- state. Every later step looks its rows up by an array of ids: a join would be planned by statistics that a burst leaves behind.
-- Races won: a process that is redriven or discarded meanwhile has no row, or not this state, when its row is locked, and stays. One that
-- is replaced meanwhile is recorded with its replacement. No attempt is missed: only what leaves this state moves one to `attempts`.
WITH bound AS MATERIALIZED (
    SELECT least($4, (SELECT min(from_ms) - 1 FROM apiary.retention_holds WHERE colony = $1)) AS until_ms,
           (SELECT 1 FROM apiary.retention_holds WHERE colony = $1 AND name = 'archive') IS NOT NULL AS is_archiving
),
due AS MATERIALIZED (
    (
        SELECT process_id, finished_at_ms FROM apiary.finished
        WHERE colony = $1 AND state = 'succeeded' AND $2 = 'succeeded'
            AND finished_at_ms > $3 AND finished_at_ms <= (SELECT until_ms FROM bound)
        ORDER BY finished_at_ms
        FETCH FIRST ($5) ROWS WITH TIES
    )
    UNION ALL
    (
        SELECT process_id, finished_at_ms FROM apiary.finished
        WHERE colony = $1 AND state <> 'succeeded' AND state = $2
            AND finished_at_ms > $3 AND finished_at_ms <= (SELECT until_ms FROM bound)
        ORDER BY finished_at_ms
        FETCH FIRST ($5) ROWS WITH TIES
    )
),
finished AS (
    DELETE FROM apiary.finished
    WHERE process_id = ANY (ARRAY (
            SELECT process_id FROM due
            WHERE (
                SELECT 1 FROM apiary.kept_processes AS kept
                WHERE kept.process_id = due.process_id AND kept.until_ms > $6
                LIMIT 1
            ) IS NULL
                AND (
                    NOT (SELECT is_archiving FROM bound)
                    OR (
                        SELECT 1 FROM apiary.archived AS done
                        WHERE done.process_id = due.process_id AND done.finished_at_ms = due.finished_at_ms
                        LIMIT 1
                    ) IS NOT NULL
                )
        ))
        AND colony = $1 AND state = $2 AND finished_at_ms <= $4
    RETURNING process_id, replaced_by, result_signature
),
gone AS MATERIALIZED (
    SELECT array_agg(process_id) AS ids,
           jsonb_object_agg(process_id, replaced_by) FILTER (WHERE replaced_by IS NOT NULL) AS replaced
    FROM finished
),
specs AS (
    DELETE FROM apiary.specs WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[])
    RETURNING process_id, digest, submit_by_ms, signature
),
-- A replacement is recorded also when its spec is of no use any more: a child that is being submitted looks for it.
remembered AS (
    INSERT INTO apiary.deleted (process_id, colony, digest, state, replaced_by, forget_at_ms)
    SELECT process_id, $1, digest, $2, ((SELECT replaced FROM gone) ->> process_id::text)::uuid, greatest(submit_by_ms, $6)
    FROM specs
    WHERE submit_by_ms > $7 OR (SELECT replaced FROM gone) ? process_id::text
    ON CONFLICT (process_id) DO NOTHING
),
dependencies AS (DELETE FROM apiary.dependencies WHERE child = ANY ((SELECT ids FROM gone)::uuid[])),
attempts AS (
    DELETE FROM apiary.attempts WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[])
    RETURNING result_signature AS signature
),
members AS MATERIALIZED (
    SELECT array_agg(batch) AS batches, jsonb_object_agg(encode(batch, 'hex'), members) AS counts
    FROM (
        SELECT substring(signature FROM 1 FOR 16) AS batch, count(*) AS members
        FROM (
            SELECT signature FROM specs
            UNION ALL
            SELECT result_signature FROM finished
            UNION ALL
            SELECT signature FROM attempts
        ) AS signed
        WHERE octet_length(signature) = 20
        GROUP BY 1
    ) AS member
),
-- Batches without members are deleted by `signatures/forget.sql`: this statement cannot see what others remove from the same batch.
left_batches AS (
    UPDATE apiary.signature_batches AS known
    SET members = known.members - ((SELECT counts FROM members) ->> encode(known.batch, 'hex'))::bigint
    WHERE known.batch = ANY ((SELECT batches FROM members)::bytea[])
),
progress AS (DELETE FROM apiary.progress WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[])),
logs AS (DELETE FROM apiary.logs WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[])),
log_totals AS (DELETE FROM apiary.log_totals WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[])),
attributes AS (DELETE FROM apiary.attributes WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[])),
keys AS (DELETE FROM apiary.idempotency_keys WHERE process_id = ANY ((SELECT ids FROM gone)::uuid[]))
SELECT count(*) AS read, (SELECT count(*) FROM finished) AS deleted, max(finished_at_ms) AS last_ms FROM due
