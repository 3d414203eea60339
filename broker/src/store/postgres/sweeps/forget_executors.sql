-- Forgets executors that were last heard before $1 before_ms: bigint, unless they were turned down, which stays so; at most
-- $2: bigint. Race won: one that is heard again in the same moment appears again.
DELETE FROM apiary.executors
WHERE number IN (
    SELECT number FROM apiary.executors
    WHERE coalesce(last_heard_ms, registered_at_ms) < $1 AND rejected_at_ms IS NULL
    LIMIT $2
)
