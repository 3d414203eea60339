-- Deletes idempotency keys whose retention is over.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Race won: a key that a submit is taking over is locked and passed over.
DELETE FROM apiary.idempotency_keys AS held
USING (
    SELECT colony, function, key
    FROM apiary.idempotency_keys
    WHERE expires_at_ms <= $1
    ORDER BY expires_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
) AS due
WHERE held.colony = due.colony AND held.function = due.function AND held.key = due.key
