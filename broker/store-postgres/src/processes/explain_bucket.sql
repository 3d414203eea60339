-- What is left of a rate. $1 colony: bigint, $2 kind: text, $3 key: text. Race: it is used meanwhile; it is for showing.
SELECT tokens, filled_at_ms
FROM apiary.buckets
WHERE colony = $1 AND kind = $2 AND key = $3
