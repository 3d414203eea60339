-- Forgets executors that were last heard before ?1 before_ms, unless they were turned down, which stays so; at most ?2.
-- Race won: there is one writer.
DELETE FROM executors
WHERE number IN (
    SELECT number FROM executors
    WHERE coalesce(last_heard_ms, registered_at_ms) < ?1 AND rejected_at_ms IS NULL
    LIMIT ?2
)
