-- Stores the progress of a bulk action, if this broker holds it.
-- $1 bulk_id: uuid, $2 broker: uuid, $3 changed more: bigint, $4 skipped more: bigint, $5 and $6 after this submitted_at_ms: bigint and
-- process_id: uuid, $7 held until: bigint, $8 finished at: bigint, or null.
-- Race won: a broker that lost the hold to another changes nothing, and stops. A bulk action that was stopped meanwhile stays stopped.
UPDATE apiary.bulks
SET changed = changed + $3, skipped = skipped + $4, after_ms = $5, after_id = $6, held_until_ms = $7,
    state = CASE WHEN state = 'running' AND $8::bigint IS NOT NULL THEN 'finished' ELSE state END,
    ended_at_ms = coalesce(ended_at_ms, $8)
WHERE bulk_id = $1 AND held_by = $2
RETURNING state
