-- Moves the waits for a process to its replacement; a child that waits for both waits for the replacement alone. Returns the children.
-- $1 parent: uuid, $2 replaced by: uuid, $3 at most: bigint.
-- Races won: two brokers pass over each other's rows. If the replacement succeeds at the same moment, each transaction subtracts only
-- the waits that it deleted.
WITH due AS (
    SELECT waited.child,
           EXISTS (SELECT FROM apiary.dependencies AS other WHERE other.child = waited.child AND other.parent = $2) AS twice
    FROM apiary.dependencies AS waited
    WHERE waited.parent = $1
    LIMIT $3
    FOR UPDATE OF waited SKIP LOCKED
),
ended AS (
    DELETE FROM apiary.dependencies AS waited
    USING due
    WHERE due.twice AND waited.child = due.child AND waited.parent = $1
    RETURNING waited.child
),
moved AS (
    UPDATE apiary.dependencies AS waited
    SET parent = $2
    FROM due
    WHERE NOT due.twice AND waited.child = due.child AND waited.parent = $1
    RETURNING waited.child
),
changed AS (
    UPDATE apiary.blocked AS held
    SET parents_left = nullif(held.parents_left - 1, 0),
        cause = CASE WHEN held.parents_left = 1 THEN 'not_before' ELSE held.cause END
    FROM ended
    WHERE held.process_id = ended.child AND held.parents_left IS NOT NULL
)
SELECT child AS process_id FROM ended
UNION ALL
SELECT child FROM moved
