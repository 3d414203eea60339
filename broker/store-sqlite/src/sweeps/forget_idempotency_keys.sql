-- Deletes idempotency keys whose retention is over.
-- ?1 now_ms, ?2 at most.
-- Race won: there is one writer.
DELETE FROM idempotency_keys
WHERE (colony, function, key) IN (
    SELECT colony, function, key FROM idempotency_keys
    WHERE expires_at_ms <= ?1
    ORDER BY expires_at_ms
    LIMIT ?2
)
