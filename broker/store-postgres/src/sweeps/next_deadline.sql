-- The time at which the first lease, block or wait is over; null if there is none. No parameters.
-- Race: a row that is added meanwhile with an earlier end wakes the sweep.
SELECT least(
    (SELECT min(expires_at_ms) FROM apiary.leases),
    (SELECT min(until_ms) FROM apiary.blocked WHERE parents_left IS NULL),
    (SELECT min(wait_deadline_ms) FROM apiary.queue WHERE wait_deadline_ms IS NOT NULL)
) AS deadline_ms
