-- Lets those who wait for a process wait for the one that replaces it, but for those who wait for both.
-- ?1 parent: blob, ?2 replaced by: blob, ?3 at most. Race won: it runs inside the one write transaction; who waits for both waits for
-- the new one alone, by `release.sql`, once nobody else is left.
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
