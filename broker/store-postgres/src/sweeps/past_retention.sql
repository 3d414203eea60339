-- Finished processes of one state whose retention is over, of every colony, oldest first in each.
-- $1 state: text, $2 finished by, in milliseconds: bigint, $3 now_ms: bigint, $4 at most: bigint.
-- Left out are the first process of an idempotency key that is still live, because a repeat must be answered with it, and processes that
-- others wait for.
-- The two parts differ only in the index that each reads in its order: the first is for `succeeded`, the second for every other state.
-- Race: a process may be redriven in between; `delete.sql` checks again.
SELECT due.process_id, due.colony
FROM apiary.colonies AS colony
CROSS JOIN LATERAL (
    (
        SELECT ended.process_id, ended.colony
        FROM apiary.finished AS ended
        WHERE ended.colony = colony.key AND ended.state = 'succeeded' AND $1 = 'succeeded'
            AND ended.finished_at_ms <= $2
            AND NOT EXISTS (
                SELECT FROM apiary.idempotency_keys AS held
                WHERE held.process_id = ended.process_id AND held.expires_at_ms > $3
            )
            AND NOT EXISTS (
                SELECT FROM apiary.dependencies AS waited
                JOIN apiary.blocked AS child ON child.process_id = waited.child AND child.parents_left IS NOT NULL
                WHERE waited.parent = ended.process_id
            )
        ORDER BY ended.finished_at_ms
        LIMIT $4
    )
    UNION ALL
    (
        SELECT ended.process_id, ended.colony
        FROM apiary.finished AS ended
        WHERE ended.colony = colony.key AND ended.state <> 'succeeded' AND ended.state = $1
            AND ended.finished_at_ms <= $2
            AND NOT EXISTS (
                SELECT FROM apiary.idempotency_keys AS held
                WHERE held.process_id = ended.process_id AND held.expires_at_ms > $3
            )
            AND NOT EXISTS (
                SELECT FROM apiary.dependencies AS waited
                JOIN apiary.blocked AS child ON child.process_id = waited.child AND child.parents_left IS NOT NULL
                WHERE waited.parent = ended.process_id
            )
        ORDER BY ended.finished_at_ms
        LIMIT $4
    )
) AS due
LIMIT $4
