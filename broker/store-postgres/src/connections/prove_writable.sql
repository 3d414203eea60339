-- Proves that a commit reaches the disk.
-- $1 now.
-- Race: several brokers write the row one after the other.
INSERT INTO apiary.readiness (one, proved_at_ms) VALUES (1, $1)
ON CONFLICT (one) DO UPDATE SET proved_at_ms = excluded.proved_at_ms
