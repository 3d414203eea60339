-- Keeps a restored process from leaving again until a time. $1 process_id: uuid, $2 until, in milliseconds: bigint.
-- Race won: it runs in the transaction that stored the spec.
INSERT INTO apiary.restored AS known (process_id, until_ms)
VALUES ($1, $2)
ON CONFLICT (process_id) DO UPDATE SET until_ms = greatest(known.until_ms, excluded.until_ms)
