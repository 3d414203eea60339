-- Deletes token buckets that are full again: a missing bucket counts as full.
-- ?1 now_ms, ?2 at most.
-- Race won: there is one writer.
DELETE FROM buckets
WHERE (colony, kind, key) IN (
    SELECT colony, kind, key FROM buckets
    WHERE full_at_ms <= ?1
    ORDER BY full_at_ms
    LIMIT ?2
)
