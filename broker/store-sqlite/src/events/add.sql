-- Adds events to a colony's stream, whose head has counted them already. The function of a known process is filled in.
-- ?1 colony, ?2 the position before the first, ?3 items: JSON list.
-- Race won: it runs inside the one write transaction.
INSERT INTO events (
    colony, position, time_ms, count, process_id, class, is_proven, kind, method, reason, key, name, address, function, request_id,
    subject, detail
)
SELECT ?1, ?2 + 1 + item.key, item.value ->> 'time_ms', item.value ->> 'count', unhex(item.value ->> 'process_id'),
       item.value ->> 'class', item.value ->> 'is_proven', item.value ->> 'kind', item.value ->> 'method', item.value ->> 'reason',
       unhex(item.value ->> 'key'), item.value ->> 'name', item.value ->> 'address',
       CASE WHEN item.value ->> 'function' <> '' OR item.value ->> 'process_id' IS NULL THEN item.value ->> 'function'
            ELSE coalesce((
                SELECT spec.function FROM specs AS spec
                WHERE spec.process_id = unhex(item.value ->> 'process_id') AND spec.colony = ?1
            ), '')
       END,
       item.value ->> 'request_id', item.value ->> 'subject', item.value ->> 'detail'
FROM json_each(?3) AS item
ORDER BY item.key
