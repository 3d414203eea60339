-- Stores the last-seen times and offers of executors.
-- $1 colonies: bigint[], $2 keys: bytea[], $3 executor_types: text[], $4 names: text[], $5 last_heard_ms: bigint[], $6 offers: text[].
-- Race won: of two brokers that heard the same executor the later time stays.
INSERT INTO apiary.executors AS known (colony, key, executor_type, name, last_heard_ms, offer)
SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::text[])
ON CONFLICT (colony, key, executor_type) DO UPDATE
SET last_heard_ms = greatest(known.last_heard_ms, excluded.last_heard_ms),
    offer = coalesce(excluded.offer, known.offer), name = excluded.name
