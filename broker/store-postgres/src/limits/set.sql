-- Stores a limit in place of one with the same kind and pattern. Changes nothing if the colony has too many others.
-- $1 colony: bigint, $2 kind: text, $3 pattern: text, $4 running_max: integer, $5 policy: text, $6 rate_count: integer,
-- $7 interval_ms: bigint, $8 burst: integer, $9 set_by: text, $10 set_at_ms: bigint, $11 the most limits: bigint.
-- Race won: it runs under `lock.sql`, so every claim counts by the old limit or by the new one.
INSERT INTO apiary.limits (
    colony, kind, pattern, running_max, policy, rate_count, interval_ms, burst, set_by, set_at_ms
)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
WHERE (SELECT count(*) FROM apiary.limits WHERE colony = $1 AND (kind, pattern) <> ($2, $3)) < $11
ON CONFLICT (colony, kind, pattern) DO UPDATE
    SET running_max = excluded.running_max, policy = excluded.policy, rate_count = excluded.rate_count,
        interval_ms = excluded.interval_ms, burst = excluded.burst, set_by = excluded.set_by,
        set_at_ms = excluded.set_at_ms
