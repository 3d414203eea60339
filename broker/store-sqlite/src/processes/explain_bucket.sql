-- What is left of a rate. ?1 colony, ?2 kind, ?3 key. Race: it is used meanwhile; it is for showing.
SELECT tokens, filled_at_ms
FROM buckets
WHERE colony = ?1 AND kind = ?2 AND key = ?3
