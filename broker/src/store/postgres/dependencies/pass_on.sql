-- Lets those who wait for a process wait for the one that replaces it; who waits for both waits for the new one alone.
-- Returns whose waiting was changed. $1 parent: uuid, $2 replaced by: uuid.
-- Races won: of two brokers the second finds that the row is of the new parent already; if that succeeds in the same moment,
-- each takes off what it deleted itself.
WITH twice AS (
    DELETE FROM apiary.dependencies AS waited
    USING apiary.dependencies AS other
    WHERE waited.parent = $1 AND other.child = waited.child AND other.parent = $2
    RETURNING waited.child
),
moved AS (
    UPDATE apiary.dependencies AS waited
    SET parent = $2
    WHERE waited.parent = $1
        AND NOT EXISTS (SELECT FROM apiary.dependencies AS other WHERE other.child = waited.child AND other.parent = $2)
    RETURNING waited.child
),
changed AS (
    UPDATE apiary.blocked AS held
    SET parents_left = nullif(held.parents_left - 1, 0),
        cause = CASE WHEN held.parents_left = 1 THEN 'not_before' ELSE held.cause END
    FROM twice
    WHERE held.process_id = twice.child AND held.parents_left IS NOT NULL
)
SELECT child AS process_id FROM twice
UNION ALL
SELECT child FROM moved
