-- The latest bulk actions of a colony, newest first.
-- ?1 colony, ?2 at most.
-- Race: they may progress the next moment.
SELECT bulk_id, colony, action, filter, reason, started_by, state, matched, more_may_match, changed, skipped,
       started_at_ms, ended_at_ms, after_ms, after_id
FROM bulks
WHERE colony = ?1
ORDER BY started_at_ms DESC, bulk_id DESC
LIMIT ?2
