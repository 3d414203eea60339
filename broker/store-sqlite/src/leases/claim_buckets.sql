-- Stores token buckets after a claim took from them.
-- ?1 colony, ?2 items: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO buckets (colony, kind, key, tokens, filled_at_ms, full_at_ms)
SELECT ?1, item.value ->> 'kind', item.value ->> 'key', item.value ->> 'tokens', item.value ->> 'filled_at_ms',
       item.value ->> 'full_at_ms'
FROM json_each(?2) AS item
WHERE true
ON CONFLICT (colony, kind, key) DO UPDATE
    SET tokens = excluded.tokens, filled_at_ms = excluded.filled_at_ms, full_at_ms = excluded.full_at_ms
