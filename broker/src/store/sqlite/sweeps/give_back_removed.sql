-- Keeps the attempts under revoked grants, which are given back, and says which; a cancelled one ends with its deadline.
-- ?1 now_ms, ?2 at most. Race won: it runs inside the one write transaction.
INSERT INTO attempts (process_id, attempt, executor, claimed_at_ms, ended_at_ms, ending, reason)
SELECT lease.process_id, lease.attempt, lease.executor, lease.claimed_at_ms, ?1, 'removed', 'the executor''s grant was revoked'
FROM leases AS lease
WHERE lease.executor IN (SELECT key FROM grants WHERE revoked_from_ms IS NOT NULL) AND lease.cancel_deadline_ms IS NULL
LIMIT ?2
RETURNING process_id
