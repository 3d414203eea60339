-- The children of a parent.
-- ?1 parent: blob, ?2 at most.
-- Race won: it runs inside the one write transaction.
SELECT child AS process_id FROM dependencies WHERE parent = ?1 LIMIT ?2
