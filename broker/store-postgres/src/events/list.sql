-- The events of a colony after a position that match, oldest first, among a bounded number of rows; in each row the end of what was read
-- and of the stream. Absent filters are null.
-- $1 colony: bigint, $2 after: bigint, $3 rows to read: bigint, $4 process_id: uuid, $5 key: bytea, $6 function: text,
-- $7 request_id: text, $8 method: text, $9 kinds: text[], $10 since_ms: bigint, $11 until_ms: bigint, $12 at most: bigint.
-- Race won: an event is visible only after every event of a lower position, so that a page leaves out nothing that commits meanwhile.
WITH scanned AS MATERIALIZED (
    SELECT * FROM apiary.events WHERE colony = $1 AND position > $2 ORDER BY position LIMIT $3
),
found AS (
    SELECT position, time_ms, count, process_id, is_proven::integer AS is_proven, kind, method, reason, key, name, address,
           function, request_id, subject, detail
    FROM scanned
    WHERE ($4::uuid IS NULL OR process_id = $4)
        AND ($5::bytea IS NULL OR key = $5)
        AND ($6::text IS NULL OR function = $6)
        AND ($7::text IS NULL OR request_id = $7)
        AND ($8::text IS NULL OR method = $8)
        AND ($9::text[] IS NULL OR kind = ANY ($9))
        AND ($10::bigint IS NULL OR time_ms >= $10)
        AND ($11::bigint IS NULL OR time_ms < $11)
    ORDER BY position
    LIMIT $12
)
SELECT bounds.scanned_to, bounds.scanned,
       (SELECT one.position FROM apiary.event_heads AS one WHERE one.colony = $1) AS head, found.*
FROM (SELECT max(position) AS scanned_to, count(*) AS scanned FROM scanned) AS bounds
LEFT JOIN found ON true
ORDER BY found.position
