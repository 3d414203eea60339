-- One event that was set aside, with its spec: ?1 its key.
SELECT idempotency_key, received_ms, refused_ms, reason, message, spec FROM set_aside WHERE idempotency_key = ?1
