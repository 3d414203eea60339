-- What was set aside, oldest first: ?1 how many at the most, ?2 the reason, ?3 a part of the key; each may be NULL.
SELECT idempotency_key, received_ms, refused_ms, reason, message FROM set_aside
WHERE (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR instr(idempotency_key, ?3) > 0)
ORDER BY seq LIMIT ?1
