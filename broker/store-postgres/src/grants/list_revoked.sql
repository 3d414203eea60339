-- Grants that were revoked lately.
-- $1 since_ms: bigint, $2 at most: bigint.
-- Race won: the caller looks back further than a commit can take, so that it misses none.
SELECT key, colony, grantee FROM apiary.grants WHERE revoked_from_ms >= $1 ORDER BY revoked_from_ms DESC LIMIT $2
