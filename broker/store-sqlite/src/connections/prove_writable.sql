-- Proves that a commit reaches the disk. ?1 now. No race: there is one writer.
INSERT INTO readiness (one, proved_at_ms) VALUES (1, ?1)
ON CONFLICT (one) DO UPDATE SET proved_at_ms = excluded.proved_at_ms
