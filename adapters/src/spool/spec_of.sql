-- The spec of an event: ?1 its key, ?2 its state.
SELECT spec FROM waiting WHERE idempotency_key = ?1 AND ?2 = 'waiting'
UNION ALL
SELECT spec FROM set_aside WHERE idempotency_key = ?1 AND ?2 = 'set_aside'
