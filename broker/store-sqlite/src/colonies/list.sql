-- The colonies, those created first first.
-- ?1 rows at most.
-- No race: a colony never changes, and one that is created meanwhile is found by the next read.
SELECT key, id, name, created_at_ms FROM colonies ORDER BY key LIMIT ?1
