-- Forgets an event that was set aside: ?1 its key.
DELETE FROM set_aside WHERE idempotency_key = ?1
