-- Adds events to the end of a colony's stream. The function of a known process is filled in.
-- $1 colony: bigint, $2 the number of events: bigint, $3 of them refusals: bigint, then one array each: $4 time_ms: bigint[],
-- $5 count: bigint[], $6 process_id: uuid[], $7 is_refusal: boolean[], $8 is_proven: boolean[], $9 kind: text[], $10 method: text[],
-- $11 reason: text[], $12 key: bytea[], $13 name: text[], $14 address: text[], $15 function: text[], $16 request_id: text[],
-- $17 subject: text[], $18 detail: text[].
-- Race won: the head's row stays locked until the commit, so that positions are in the order of the commits, without a gap. The statement
-- is the last of its transaction: nobody who holds this lock waits for another.
WITH head AS (
    INSERT INTO apiary.event_heads AS known (colony, position, changes, refusals) VALUES ($1, $2, $2 - $3, $3)
    ON CONFLICT (colony) DO UPDATE
    SET position = known.position + excluded.position, changes = known.changes + excluded.changes,
        refusals = known.refusals + excluded.refusals
    RETURNING position
)
INSERT INTO apiary.events (
    colony, position, time_ms, count, process_id, is_refusal, is_proven, kind, method, reason, key, name, address, function, request_id,
    subject, detail
)
SELECT $1, head.position - $2 + one.number, one.time_ms, one.count, one.process_id, one.is_refusal, one.is_proven, one.kind,
       one.method, one.reason, one.key, one.name, one.address,
       CASE WHEN one.function <> '' OR one.process_id IS NULL THEN one.function
            ELSE coalesce((
                SELECT spec.function FROM apiary.specs AS spec WHERE spec.process_id = one.process_id AND spec.colony = $1
            ), '')
       END,
       one.request_id, one.subject, one.detail
FROM head
CROSS JOIN unnest(
    $4::bigint[], $5::bigint[], $6::uuid[], $7::boolean[], $8::boolean[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::text[]
) WITH ORDINALITY AS one (
    time_ms, count, process_id, is_refusal, is_proven, kind, method, reason, key, name, address, function, request_id, subject, detail,
    number
)
