-- Adds events to the end of a colony's stream. The function of a known process is filled in.
-- $1 colony: bigint, then one array each: $2 time_ms: bigint[], $3 count: bigint[], $4 process_id: uuid[], $5 class: smallint[],
-- $6 is_proven: boolean[], $7 kind: text[], $8 method: text[], $9 reason: text[], $10 key: bytea[], $11 name: text[], $12 address: text[],
-- $13 function: text[], $14 request_id: text[], $15 subject: text[], $16 detail: text[].
-- Race won: the head's row stays locked until the commit, so that positions are in the order of the commits, without a gap. The statement
-- is the last of its transaction: nobody who holds this lock waits for another.
WITH head AS (
    INSERT INTO apiary.event_heads AS known (colony, position, changes, refusals, owned, newcomers, addresses)
    SELECT $1, count(*), count(*) FILTER (WHERE class = 0), count(*) FILTER (WHERE class = 1), count(*) FILTER (WHERE class = 2),
           count(*) FILTER (WHERE class = 3), count(*) FILTER (WHERE class = 4)
    FROM unnest($5::smallint[]) AS one (class)
    ON CONFLICT (colony) DO UPDATE
    SET position = known.position + excluded.position, changes = known.changes + excluded.changes,
        refusals = known.refusals + excluded.refusals, owned = known.owned + excluded.owned,
        newcomers = known.newcomers + excluded.newcomers, addresses = known.addresses + excluded.addresses
    RETURNING position
)
INSERT INTO apiary.events (
    colony, position, time_ms, count, process_id, class, is_proven, kind, method, reason, key, name, address, function, request_id,
    subject, detail
)
SELECT $1, head.position - cardinality($5::smallint[]) + one.number, one.time_ms, one.count, one.process_id, one.class, one.is_proven,
       one.kind, one.method, one.reason, one.key, one.name, one.address,
       CASE WHEN one.function <> '' OR one.process_id IS NULL THEN one.function
            ELSE coalesce((
                SELECT spec.function FROM apiary.specs AS spec WHERE spec.process_id = one.process_id AND spec.colony = $1
            ), '')
       END,
       one.request_id, one.subject, one.detail
FROM head
CROSS JOIN unnest(
    $2::bigint[], $3::bigint[], $4::uuid[], $5::smallint[], $6::boolean[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::text[],
    $12::text[], $13::text[], $14::text[], $15::text[], $16::text[]
) WITH ORDINALITY AS one (
    time_ms, count, process_id, class, is_proven, kind, method, reason, key, name, address, function, request_id, subject, detail, number
)
