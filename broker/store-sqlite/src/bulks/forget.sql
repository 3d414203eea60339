-- Deletes finished bulk actions, except the newest.
-- ?1 colony, ?2 the number of newest to keep.
-- No race: running ones stay, and finished ones do not change.
DELETE FROM bulks
WHERE colony = ?1 AND state = 'finished' AND started_at_ms < (
    SELECT started_at_ms FROM bulks AS newer
    WHERE newer.colony = ?1
    ORDER BY newer.started_at_ms DESC
    LIMIT 1 OFFSET ?2
)
