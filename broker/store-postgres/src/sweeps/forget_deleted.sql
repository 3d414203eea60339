-- Deletes the records of deleted processes whose specs are too old to be submitted again.
-- $1 now_ms: bigint, $2 at most: bigint.
-- Race won: a row that another broker deletes is locked and passed over.
DELETE FROM apiary.deleted AS gone
USING (
    SELECT process_id
    FROM apiary.deleted
    WHERE forget_at_ms <= $1
    ORDER BY forget_at_ms
    LIMIT $2
    FOR UPDATE SKIP LOCKED
) AS due
WHERE gone.process_id = due.process_id
