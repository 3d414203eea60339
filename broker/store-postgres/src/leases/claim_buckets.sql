-- Stores token buckets after a claim took from them.
-- $1 colony: bigint, $2 kind: text[], $3 key: text[], $4 tokens: double precision[], $5 filled_at_ms: bigint[], $6 full_at_ms: bigint[].
-- Race won: reading and storing them happen under `limits/lock.sql`.
INSERT INTO apiary.buckets (colony, kind, key, tokens, filled_at_ms, full_at_ms)
SELECT $1, item.kind, item.key, item.tokens, item.filled_at_ms, item.full_at_ms
FROM unnest($2::text[], $3::text[], $4::double precision[], $5::bigint[], $6::bigint[])
    AS item (kind, key, tokens, filled_at_ms, full_at_ms)
ON CONFLICT (colony, kind, key) DO UPDATE
    SET tokens = excluded.tokens, filled_at_ms = excluded.filled_at_ms, full_at_ms = excluded.full_at_ms
