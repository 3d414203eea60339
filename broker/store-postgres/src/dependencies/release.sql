-- Ends the waits for parents that succeeded. A child without further parents is free once its `until_ms` is over. Returns the children,
-- and which of them are free.
-- $1 parent: uuid[], $2 at most: bigint.
-- Races won: two brokers pass over each other's rows. Two parents of one child that end at once change its row one after the other, and
-- each subtracts only the waits that it deleted.
WITH due AS (
    SELECT child, parent
    FROM apiary.dependencies
    WHERE parent = ANY ($1)
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
ended AS (
    DELETE FROM apiary.dependencies AS waited
    USING due
    WHERE waited.child = due.child AND waited.parent = due.parent
    RETURNING waited.child
),
counted AS (
    SELECT child, count(*)::integer AS count FROM ended GROUP BY child
),
changed AS (
    UPDATE apiary.blocked AS held
    SET parents_left = nullif(held.parents_left - counted.count, 0),
        cause = CASE WHEN held.parents_left = counted.count THEN 'not_before' ELSE held.cause END
    FROM counted
    WHERE held.process_id = counted.child AND held.parents_left IS NOT NULL
    RETURNING held.process_id, held.parents_left
)
SELECT counted.child AS process_id,
       (changed.process_id IS NOT NULL AND changed.parents_left IS NULL)::int::bigint AS is_free
FROM counted
LEFT JOIN changed ON changed.process_id = counted.child
