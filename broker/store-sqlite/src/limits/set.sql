-- Stores a limit in place of one with the same kind and pattern. Changes nothing if the colony has too many others.
-- ?1 colony, ?2 kind, ?3 pattern, ?4 running_max, ?5 policy, ?6 rate_count, ?7 interval_ms, ?8 burst, ?9 set_by, ?10 set_at_ms, ?11 the
-- most limits.
-- Race won: it runs inside the one write transaction, as claims do.
INSERT INTO limits (colony, kind, pattern, running_max, policy, rate_count, interval_ms, burst, set_by, set_at_ms)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
WHERE (SELECT count(*) FROM limits WHERE colony = ?1 AND (kind, pattern) <> (?2, ?3)) < ?11
ON CONFLICT (colony, kind, pattern) DO UPDATE
    SET running_max = excluded.running_max, policy = excluded.policy, rate_count = excluded.rate_count,
        interval_ms = excluded.interval_ms, burst = excluded.burst, set_by = excluded.set_by,
        set_at_ms = excluded.set_at_ms
