-- Gives a broker the hold on the running bulk action that has waited longest for its next step.
-- ?1 broker, ?2 now_ms, ?3 held until.
-- Race won: only one of two brokers gets it. A broker that died loses the hold when its time is over.
UPDATE bulks SET held_by = ?1, held_until_ms = ?3
WHERE bulk_id = (
    SELECT bulk_id FROM bulks
    WHERE state = 'running' AND (held_until_ms <= ?2 OR held_by = ?1)
    ORDER BY held_until_ms, bulk_id
    LIMIT 1
)
RETURNING bulk_id, colony, action, filter, reason, started_by, state, matched, more_may_match, changed, skipped,
       started_at_ms, ended_at_ms, after_ms, after_id
