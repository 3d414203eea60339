-- Adds an executor that has a grant and has not registered yet.
-- ?1 colony, ?2 grantee: blob, ?3 name.
-- Race won: it runs inside the one write transaction.
INSERT INTO executors (colony, key, executor_type, name)
SELECT ?1, ?2, '', ?3
WHERE NOT EXISTS (SELECT 1 FROM executors WHERE colony = ?1 AND key = ?2)
