-- Copies an event out of the line: ?1 its place, ?2 now, ?3 the reason, ?4 the broker's words. The same event may be
-- there from before, when it was sent again since.
INSERT OR REPLACE INTO set_aside (idempotency_key, received_ms, refused_ms, reason, message, spec)
SELECT idempotency_key, received_ms, ?2, ?3, ?4, spec FROM waiting WHERE seq = ?1
