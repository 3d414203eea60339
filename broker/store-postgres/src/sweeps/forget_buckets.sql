-- Forgets buckets that are full again: one that is not there counts as full. $1 now_ms: bigint, $2 at most: bigint.
-- Race won: what a claim is taking from is passed over, and its new row is not full.
DELETE FROM apiary.buckets
WHERE (colony, kind, key) IN (
    SELECT colony, kind, key FROM apiary.buckets
    WHERE full_at_ms <= $1
    ORDER BY full_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
