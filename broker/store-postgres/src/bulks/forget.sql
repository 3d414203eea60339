-- Forgets ended bulk actions behind the newest.
-- $1 colony: bigint, $2 kept at the least: bigint.
-- No race: what runs stays, and what ended does not change.
DELETE FROM apiary.bulks
WHERE colony = $1 AND state = 'finished' AND started_at_ms < (
    SELECT started_at_ms FROM apiary.bulks AS newer
    WHERE newer.colony = $1
    ORDER BY newer.started_at_ms DESC
    LIMIT 1 OFFSET $2
)
