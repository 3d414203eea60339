-- Deletes processes that are not running, with everything that belongs to them, and stores a record of each spec. Returns the deleted
-- ones.
-- $1 colony: bigint, $2 process_id: uuid[].
-- Race won: a process that is being claimed, unblocked or redriven is in none of the three tables as this statement sees them, and
-- stays.
WITH waiting AS (
    DELETE FROM apiary.queue
    WHERE colony = $1 AND process_id = ANY ($2)
    RETURNING process_id, 'waiting' AS state, NULL::uuid AS replaced_by
),
set_aside AS (
    DELETE FROM apiary.blocked
    WHERE colony = $1 AND process_id = ANY ($2)
    RETURNING process_id, 'blocked' AS state, NULL::uuid AS replaced_by
),
finished AS (
    DELETE FROM apiary.finished
    WHERE colony = $1 AND process_id = ANY ($2)
    RETURNING process_id, state, replaced_by, result_signature
),
gone AS (
    SELECT process_id, state, replaced_by FROM waiting
    UNION ALL
    SELECT process_id, state, replaced_by FROM set_aside
    UNION ALL
    SELECT process_id, state, replaced_by FROM finished
),
specs AS (
    DELETE FROM apiary.specs AS spec
    USING gone
    WHERE spec.process_id = gone.process_id
    RETURNING spec.process_id, spec.colony, spec.digest, spec.submit_by_ms, spec.signature, gone.state, gone.replaced_by
),
remembered AS (
    INSERT INTO apiary.deleted (process_id, colony, digest, state, replaced_by, forget_at_ms)
    SELECT process_id, colony, digest, state, replaced_by, submit_by_ms FROM specs
    ON CONFLICT (process_id) DO NOTHING
),
dependencies AS (DELETE FROM apiary.dependencies WHERE child IN (SELECT process_id FROM gone)),
attempts AS (
    DELETE FROM apiary.attempts WHERE process_id IN (SELECT process_id FROM gone)
    RETURNING result_signature AS signature
),
-- Batches without members are deleted by `signatures/forget.sql`: this statement cannot see what others remove from the same batch.
left_batches AS (
    UPDATE apiary.signature_batches AS known SET members = known.members - member.members
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
    WHERE known.batch = member.batch
),
progress AS (DELETE FROM apiary.progress WHERE process_id IN (SELECT process_id FROM gone)),
logs AS (DELETE FROM apiary.logs WHERE process_id IN (SELECT process_id FROM gone)),
log_totals AS (DELETE FROM apiary.log_totals WHERE process_id IN (SELECT process_id FROM gone)),
attributes AS (DELETE FROM apiary.attributes WHERE process_id IN (SELECT process_id FROM gone)),
keys AS (DELETE FROM apiary.idempotency_keys WHERE process_id IN (SELECT process_id FROM gone))
SELECT process_id FROM gone
