-- Events that are set aside, oldest first: ?1 how many at the most.
SELECT idempotency_key, received_ms, refused_ms, reason, message FROM set_aside ORDER BY seq LIMIT ?1
