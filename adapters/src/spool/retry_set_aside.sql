-- Puts what was set aside back at the end of the line, unless the same event is in the line.
INSERT INTO waiting (idempotency_key, received_ms, spec)
SELECT idempotency_key, received_ms, spec FROM set_aside WHERE true ORDER BY seq
ON CONFLICT DO NOTHING
