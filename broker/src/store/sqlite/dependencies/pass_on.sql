-- Lets those who wait for a process wait for the one that replaces it, but for those who wait for both.
-- ?1 parent: blob, ?2 replaced by: blob. Race won: it runs inside the one write transaction.
UPDATE dependencies AS waited
SET parent = ?2
WHERE waited.parent = ?1
    AND NOT EXISTS (SELECT 1 FROM dependencies AS other WHERE other.child = waited.child AND other.parent = ?2)
