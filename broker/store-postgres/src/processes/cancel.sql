-- Cancels processes: moves them from `queue` or `blocked` to `finished` at once; a lease is marked, and ends at the deadline at the
-- latest. Returns the cancelled and the marked ones.
-- $1 colony: bigint, $2 process_id: uuid[], $3 deadline_ms: bigint, $4 reason: text, $5 by: text, $6 now_ms: bigint.
-- Races won: a process that is being claimed, unblocked or ended at this moment is in none of the three tables as this statement sees
-- them: it is not returned, and the caller reads its state. A lease that was marked before keeps its reason, and the earlier deadline.
WITH waiting AS (
    DELETE FROM apiary.queue
    WHERE colony = $1 AND process_id = ANY ($2)
    RETURNING process_id, colony, attempt, retries_spent
),
set_aside AS (
    DELETE FROM apiary.blocked
    WHERE colony = $1 AND process_id = ANY ($2)
    RETURNING process_id, colony, attempt, retries_spent
),
marked AS (
    UPDATE apiary.leases
    SET cancel_deadline_ms = least(cancel_deadline_ms, $3), expires_at_ms = least(expires_at_ms, $3),
        cancel_reason = coalesce(cancel_reason, $4), cancel_by = coalesce(cancel_by, $5)
    WHERE colony = $1 AND process_id = ANY ($2)
    RETURNING process_id
),
idle AS (
    SELECT * FROM waiting
    UNION ALL
    SELECT * FROM set_aside
),
finished AS (
    INSERT INTO apiary.finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason, ended_by)
    SELECT process_id, colony, $6, attempt, retries_spent, 'cancelled', $4, $5 FROM idle
)
SELECT process_id FROM idle
UNION ALL
SELECT process_id FROM marked
