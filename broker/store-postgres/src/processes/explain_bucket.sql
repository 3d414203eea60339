-- The token bucket of a rate.
-- $1 colony: bigint, $2 kind: text, $3 key: text.
-- Race: its tokens may be used the next moment; it is for display only.
SELECT tokens, filled_at_ms
FROM apiary.buckets
WHERE colony = $1 AND kind = $2 AND key = $3
