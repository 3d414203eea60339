-- Moves the waits for a process to its replacement, except those of children that wait for both.
-- ?1 parent: blob, ?2 replaced by: blob, ?3 at most.
-- Race won: it runs inside the one write transaction. For a child that waits for both, `release.sql` ends the wait for the old one
-- afterwards.
UPDATE dependencies
SET parent = ?2
WHERE parent = ?1
    AND child IN (
        SELECT waited.child
        FROM dependencies AS waited
        WHERE waited.parent = ?1
            AND NOT EXISTS (SELECT 1 FROM dependencies AS other WHERE other.child = waited.child AND other.parent = ?2)
        LIMIT ?3
    )
