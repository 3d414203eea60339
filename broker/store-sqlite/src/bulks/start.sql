-- Stores a bulk action. No row if its id exists, or too many run in the colony.
-- ?1 bulk_id, ?2 colony, ?3 action, ?4 filter, ?5 reason, ?6 started_by, ?7 matched, ?8 more may match, ?9 now_ms,
-- ?10 running at most.
-- Race won: there is one writer.
INSERT INTO bulks (
    bulk_id, colony, action, filter, reason, started_by, state, matched, more_may_match, changed, skipped, started_at_ms,
    held_until_ms
)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8, 0, 0, ?9, 0
WHERE (SELECT count(*) FROM bulks WHERE colony = ?2 AND state = 'running') < ?10
ON CONFLICT (bulk_id) DO NOTHING
RETURNING bulk_id
