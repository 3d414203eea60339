-- Gives an executor its grant's name, and ends its rejection.
-- ?1 colony, ?2 grantee: blob, ?3 name.
-- Race won: it runs inside the one write transaction.
UPDATE executors SET name = ?3, rejected_at_ms = NULL WHERE colony = ?1 AND key = ?2
