-- Puts an event at the end of the line. ?1 idempotency key, ?2 when it came, ?3 the spec.
-- No row: it is in the line already, because its sender sent it twice.
INSERT INTO waiting (idempotency_key, received_ms, spec) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
