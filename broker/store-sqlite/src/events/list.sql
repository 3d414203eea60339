-- The events of a colony after a position that match, oldest first, among a bounded number of rows; in each row the end of what was read
-- and of the stream. Absent filters are null.
-- ?1 colony, ?2 after, ?3 rows to read, ?4 process_id: blob, ?5 key: blob, ?6 function, ?7 request_id, ?8 method, ?9 kinds: JSON list,
-- ?10 since_ms, ?11 until_ms, ?12 at most.
-- Race won: there is one writer, and it commits positions in their order.
WITH scanned AS MATERIALIZED (
    SELECT * FROM events WHERE colony = ?1 AND position > ?2 ORDER BY position LIMIT ?3
),
found AS (
    SELECT position, time_ms, count, process_id, is_proven, kind, method, reason, key, name, address, function, request_id,
           subject, detail
    FROM scanned
    WHERE (?4 IS NULL OR process_id = ?4)
        AND (?5 IS NULL OR key = ?5)
        AND (?6 IS NULL OR function = ?6)
        AND (?7 IS NULL OR request_id = ?7)
        AND (?8 IS NULL OR method = ?8)
        AND (?9 IS NULL OR kind IN (SELECT value FROM json_each(?9)))
        AND (?10 IS NULL OR time_ms >= ?10)
        AND (?11 IS NULL OR time_ms < ?11)
    ORDER BY position
    LIMIT ?12
)
SELECT bounds.scanned_to, bounds.scanned,
       (SELECT one.position FROM event_heads AS one WHERE one.colony = ?1) AS head, found.*
FROM (SELECT max(position) AS scanned_to, count(*) AS scanned FROM scanned) AS bounds
LEFT JOIN found ON true
ORDER BY found.position
