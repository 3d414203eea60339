-- The token bucket of a rate.
-- ?1 colony, ?2 kind, ?3 key.
-- Race: its tokens may be used the next moment; it is for display only.
SELECT tokens, filled_at_ms
FROM buckets
WHERE colony = ?1 AND kind = ?2 AND key = ?3
