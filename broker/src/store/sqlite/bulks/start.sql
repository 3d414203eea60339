-- Keeps a bulk action. One of its id that is there stays: no row.
-- ?1 bulk_id, ?2 colony, ?3 action, ?4 filter, ?5 reason, ?6 started_by, ?7 matched,
-- ?8 now_ms. Race won: of two with the same id, one finds the other.
INSERT INTO bulks (
    bulk_id, colony, action, filter, reason, started_by, state, matched, changed, skipped, started_at_ms, held_until_ms
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, 0, 0, ?8, 0)
ON CONFLICT (bulk_id) DO NOTHING
RETURNING bulk_id
