-- Stores an executor's description of itself in place of the previous one. A row if it was stored, which says
-- whether it is new.
-- $1 colony: bigint, $2 key: bytea, $3 executor_type: text, $4 name: text, $5 now_ms: bigint, $6 offer: text, $7 functions: text,
-- $8 version: text, $9 is granted: boolean, $10 pending at most: bigint, $11 slots: bigint, $12 gives way if last heard before: bigint.
-- Race won: one row for each key and type, and an executor that gives way is deleted once. Of many new executors at once a few more than
-- the maximum may be stored, and of two first registrations of one executor at once, both may be called new.
WITH registered AS (
    SELECT FROM apiary.executors WHERE colony = $1 AND key = $2 AND executor_type = $3 AND registered_at_ms IS NOT NULL
),
pending AS (
    SELECT one.number, one.last_heard_ms FROM apiary.executors AS one
    WHERE one.colony = $1 AND one.registered_at_ms IS NOT NULL AND one.rejected_at_ms IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM apiary.grants AS g
            WHERE g.colony = $1 AND g.grantee = one.key AND g.role = 'executor'
        )
),
may AS (
    SELECT $9 OR EXISTS (
        SELECT 1 FROM apiary.executors WHERE colony = $1 AND key = $2 AND executor_type = $3
    ) OR (SELECT count(*) FROM pending) < $10 AS has_room
),
gone AS (
    DELETE FROM apiary.executors
    WHERE NOT (SELECT has_room FROM may)
        AND number = (SELECT number FROM pending WHERE last_heard_ms < $12 ORDER BY last_heard_ms, number LIMIT 1)
        AND last_heard_ms < $12
    RETURNING number
)
INSERT INTO apiary.executors AS known (
    colony, key, executor_type, name, registered_at_ms, last_heard_ms, offer, functions, version, slots
)
SELECT $1, $2, $3, $4, $5, $5, $6, $7, $8, $11
WHERE (SELECT has_room FROM may) OR EXISTS (SELECT 1 FROM gone)
ON CONFLICT (colony, key, executor_type) DO UPDATE
SET name = excluded.name, registered_at_ms = excluded.registered_at_ms,
    last_heard_ms = greatest(known.last_heard_ms, excluded.last_heard_ms), offer = excluded.offer,
    functions = excluded.functions, version = excluded.version, slots = excluded.slots
-- A row may be there of an executor that claimed, and never registered.
RETURNING number AS key, (NOT EXISTS (SELECT FROM registered))::integer AS is_new
