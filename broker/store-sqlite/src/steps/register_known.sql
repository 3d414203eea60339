-- A row if an executor of this key and type has registered. One that only claimed has not.
-- ?1 colony, ?2 key: blob, ?3 executor_type.
-- Race won: it runs inside the one write transaction.
SELECT 1 AS known FROM executors WHERE colony = ?1 AND key = ?2 AND executor_type = ?3 AND registered_at_ms IS NOT NULL
