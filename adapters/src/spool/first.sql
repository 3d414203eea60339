-- The event that is first in the line.
SELECT seq, idempotency_key, received_ms, spec FROM waiting ORDER BY seq LIMIT 1
