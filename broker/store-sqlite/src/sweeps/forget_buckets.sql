-- Forgets buckets that are full again: one that is not there counts as full. ?1 now_ms, ?2 at most.
-- Race won: there is one writer.
DELETE FROM buckets
WHERE (colony, kind, key) IN (
    SELECT colony, kind, key FROM buckets
    WHERE full_at_ms <= ?1
    ORDER BY full_at_ms
    LIMIT ?2
)
