-- Keeps a restored process from leaving again until a time. ?1 process_id: blob, ?2 until, in milliseconds.
-- Race won: it runs inside the one write transaction.
INSERT INTO restored (process_id, until_ms)
VALUES (?1, ?2)
ON CONFLICT (process_id) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)
