-- Stores the progress of a bulk action, if this broker holds it.
-- ?1 bulk_id, ?2 broker, ?3 changed more, ?4 skipped more, ?5 and ?6 after this submitted_at_ms and process_id, ?7 held until,
-- ?8 finished at, or null.
-- Race won: a broker that lost the hold to another changes nothing, and stops. A bulk action that was stopped meanwhile stays stopped.
UPDATE bulks
SET changed = changed + ?3, skipped = skipped + ?4, after_ms = ?5, after_id = ?6, held_until_ms = ?7,
    state = CASE WHEN state = 'running' AND ?8 IS NOT NULL THEN 'finished' ELSE state END,
    ended_at_ms = coalesce(ended_at_ms, ?8)
WHERE bulk_id = ?1 AND held_by = ?2
RETURNING state
