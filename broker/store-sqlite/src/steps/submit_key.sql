-- Stores the idempotency keys of new processes, in place of those whose retention is over.
-- ?1 items: JSON list.
-- Race won: it runs inside the one write transaction, after `submit_known.sql` found no live key.
INSERT INTO idempotency_keys (colony, function, key, process_id, expires_at_ms)
SELECT
    value ->> 'colony', value ->> 'function', value ->> 'idempotency_key', unhex(value ->> 'process_id'),
    value ->> 'idempotency_expires_at_ms'
FROM jsonb_each(?1)
WHERE value ->> 'idempotency_key' IS NOT NULL
ON CONFLICT (colony, function, key) DO UPDATE
    SET process_id = excluded.process_id, expires_at_ms = excluded.expires_at_ms
