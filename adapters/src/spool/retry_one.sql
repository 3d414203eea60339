-- Puts an event that was set aside back at the end of the line, unless the same event is in the line: ?1 its key.
INSERT INTO waiting (idempotency_key, received_ms, spec)
SELECT idempotency_key, received_ms, spec FROM set_aside WHERE idempotency_key = ?1
ON CONFLICT DO NOTHING
