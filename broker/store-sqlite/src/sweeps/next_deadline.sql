-- The time at which the first lease, block or wait is over; null if there is none. No parameters.
-- Race: a row that is added meanwhile with an earlier end wakes the sweep.
SELECT min(deadline_ms) AS deadline_ms
FROM (
    SELECT min(expires_at_ms) AS deadline_ms FROM leases
    UNION ALL
    SELECT min(until_ms) FROM blocked WHERE parents_left IS NULL
    UNION ALL
    SELECT min(wait_deadline_ms) FROM queue WHERE wait_deadline_ms IS NOT NULL
)
