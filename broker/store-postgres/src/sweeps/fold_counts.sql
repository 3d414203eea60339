-- Adds the changes of the numbers of processes to the numbers, if there are many.
-- $1 the number of changes from which it is done: bigint, $2 at most: bigint.
-- Race won: of two brokers that do so at once, the second waits for the first, and does not find its rows again. A reader sees a change
-- either by itself or in the sum.
WITH many AS MATERIALIZED (
    SELECT count(*) >= $1 AS is_so FROM (SELECT FROM apiary.count_changes LIMIT $1) AS first
),
folded AS (
    DELETE FROM apiary.count_changes
    WHERE ctid = ANY (ARRAY (SELECT ctid FROM apiary.count_changes WHERE (SELECT is_so FROM many) LIMIT $2))
    RETURNING colony, state, change
)
INSERT INTO apiary.counts AS known (colony, state, number)
SELECT colony, state, sum(change) FROM folded GROUP BY colony, state ORDER BY colony, state
ON CONFLICT (colony, state) DO UPDATE SET number = known.number + excluded.number
RETURNING (SELECT count(*) FROM folded) AS count
