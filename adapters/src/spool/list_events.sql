-- Events of the spool, oldest first: ?1 how many at the most, ?2 the state, ?3 the reason, ?4 a part of the key, ?5 the type, ?6 and
-- ?7 the arrival from and until when, ?8 the id at the sender, or another whole part of the key; each but the first may be NULL.
WITH events AS (
    SELECT 'waiting' AS state, seq, idempotency_key, received_ms, NULL AS refused_ms, '' AS reason, '' AS message, spec
    FROM waiting
    UNION ALL
    SELECT 'set_aside', seq, idempotency_key, received_ms, refused_ms, reason, message, spec
    FROM set_aside
), typed AS (
    -- A label of the adapter's, named after the source, which is the first part of the key.
    SELECT *, CASE WHEN json_valid(CAST(spec AS TEXT)) THEN (
        SELECT value FROM json_each(CAST(spec AS TEXT), '$.labels')
        WHERE key = substr(idempotency_key, 1, instr(idempotency_key, ':') - 1) || '_type'
    ) END AS type
    FROM events
)
SELECT state, idempotency_key, received_ms, refused_ms, reason, message, length(spec) AS bytes, type
FROM typed
WHERE (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR reason = ?3) AND (?4 IS NULL OR instr(idempotency_key, ?4) > 0)
    AND (?5 IS NULL OR type = ?5) AND (?6 IS NULL OR received_ms >= ?6) AND (?7 IS NULL OR received_ms < ?7)
    AND (?8 IS NULL OR instr(':' || idempotency_key || ':', ':' || ?8 || ':') > 0)
ORDER BY received_ms, state, seq LIMIT ?1
