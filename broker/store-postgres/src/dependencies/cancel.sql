-- Cancels the children of parents that will never succeed: moves them from `blocked` to `finished`. Returns the children, and which of
-- them were cancelled.
-- $1 parent: uuid[], $2 reason: text[], $3 now_ms: bigint, $4 at most: bigint.
-- Races won: two brokers pass over each other's rows. A child that is cancelled or deleted at this moment is not blocked any more, and
-- its waits are deleted all the same.
WITH due AS (
    SELECT waited.child, waited.parent, item.reason
    FROM apiary.dependencies AS waited
    JOIN unnest($1::uuid[], $2::text[]) AS item (parent, reason) ON item.parent = waited.parent
    LIMIT $4
    FOR UPDATE OF waited SKIP LOCKED
),
lost AS (
    SELECT child, min(reason) AS reason FROM due GROUP BY child
),
freed AS (
    DELETE FROM apiary.blocked AS held
    USING lost
    WHERE held.process_id = lost.child AND held.parents_left IS NOT NULL
    RETURNING held.process_id, held.colony, held.attempt, held.retries_spent, lost.reason
),
finished AS (
    INSERT INTO apiary.finished (process_id, colony, finished_at_ms, attempt, retries_spent, state, reason)
    SELECT process_id, colony, $3, attempt, retries_spent, 'cancelled', reason FROM freed
),
forgotten AS (
    DELETE FROM apiary.dependencies AS waited
    USING lost
    WHERE waited.child = lost.child
)
SELECT lost.child AS process_id, freed.colony
FROM lost
LEFT JOIN freed ON freed.process_id = lost.child
