-- The first end of a process of one state, in each colony that has one within a range of time.
-- $1 state: text, $2 finished by, in milliseconds: bigint, $3 colonies of which an earlier part is not read: bigint[], $4 what finished
-- after this time, in each of these: bigint[].
-- The two sub-selects differ only in the index that each reads in its order.
-- Race: none that matters; `delete_past.sql` decides.
-- Materialized, so that nothing is looked up twice.
WITH past AS MATERIALIZED (
    SELECT colony.key AS colony, coalesce(
        (
            SELECT min(finished_at_ms) FROM apiary.finished
            WHERE finished.colony = colony.key AND state = 'succeeded' AND $1 = 'succeeded'
                AND finished_at_ms > coalesce(front.after_ms, -1) AND finished_at_ms <= $2
        ),
        (
            SELECT min(finished_at_ms) FROM apiary.finished
            WHERE finished.colony = colony.key AND state <> 'succeeded' AND state = $1
                AND finished_at_ms > coalesce(front.after_ms, -1) AND finished_at_ms <= $2
        )
    ) AS first_ms
    FROM apiary.colonies AS colony
    LEFT JOIN unnest($3::bigint[], $4::bigint[]) AS front (colony, after_ms) ON front.colony = colony.key
)
SELECT colony, first_ms FROM past WHERE first_ms IS NOT NULL ORDER BY first_ms
