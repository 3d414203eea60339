-- Finished processes of one state whose retention is over, of every colony.
-- ?1 state, ?2 finished by, in milliseconds, ?3 now_ms, ?4 at most.
-- Left out are the first process of an idempotency key that is still live, because a repeat must be answered with it, and processes that
-- others wait for.
-- Race: a process may be redriven in between; deleting checks again. The colonies are read first, so that each one's index is.
SELECT ended.process_id, ended.colony
FROM colonies AS colony
CROSS JOIN finished AS ended
WHERE ended.colony = colony.key AND ended.state = ?1 AND ended.finished_at_ms <= ?2
    AND NOT EXISTS (
        SELECT 1 FROM idempotency_keys AS held
        WHERE held.process_id = ended.process_id AND held.expires_at_ms > ?3
    )
    AND NOT EXISTS (
        SELECT 1 FROM dependencies AS waited
        JOIN blocked AS child ON child.process_id = waited.child AND child.parents_left IS NOT NULL
        WHERE waited.parent = ended.process_id
    )
LIMIT ?4
