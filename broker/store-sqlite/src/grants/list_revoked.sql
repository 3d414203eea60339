-- Grants that were revoked lately.
-- ?1 since_ms, ?2 at most.
-- No race: there is one writer.
SELECT key, colony, grantee FROM grants WHERE revoked_from_ms >= ?1 ORDER BY revoked_from_ms DESC LIMIT ?2
