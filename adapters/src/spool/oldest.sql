-- When the event came that is first in the line.
SELECT received_ms FROM waiting ORDER BY seq LIMIT 1
