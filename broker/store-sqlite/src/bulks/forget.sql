-- Forgets ended bulk actions behind the newest.
-- ?1 colony, ?2 kept at the least.
-- No race: what runs stays, and what ended does not change.
DELETE FROM bulks
WHERE colony = ?1 AND state = 'finished' AND started_at_ms < (
    SELECT started_at_ms FROM bulks AS newer
    WHERE newer.colony = ?1
    ORDER BY newer.started_at_ms DESC
    LIMIT 1 OFFSET ?2
)
