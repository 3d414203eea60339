-- Deletes rows that were submitted $1 milliseconds ago (bigint) or earlier, the oldest first, at most $2: bigint.
-- Two readers delete different rows: neither waits for the other.
DELETE FROM apiary.outbox
WHERE id IN (
    SELECT id FROM apiary.outbox
    WHERE submitted_at < now() - make_interval(secs => $1::bigint / 1000.0)
    ORDER BY submitted_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
