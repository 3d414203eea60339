-- Deletes token buckets that are full again: a missing bucket counts as full.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Race won: a bucket that a claim is taking from is locked and passed over, and its new row is not full.
DELETE FROM apiary.buckets
WHERE (colony, kind, key) IN (
    SELECT colony, kind, key FROM apiary.buckets
    WHERE full_at_ms <= $1
    ORDER BY full_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
