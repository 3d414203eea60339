-- Stores an executor's description of itself in place of the previous one. A row if it was stored.
-- ?1 colony, ?2 key: blob, ?3 executor_type, ?4 name, ?5 now_ms, ?6 offer, ?7 functions, ?8 version, ?9 is granted, ?10 pending at most,
-- ?11 slots.
-- Race won: there is one writer, and one row for each key and type.
INSERT INTO executors AS known (
    colony, key, executor_type, name, registered_at_ms, last_heard_ms, offer, functions, version, slots
)
SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?11
WHERE ?9
    OR EXISTS (SELECT 1 FROM executors WHERE colony = ?1 AND key = ?2 AND executor_type = ?3)
    OR (
        SELECT count(*) FROM executors AS one
        WHERE one.colony = ?1 AND one.registered_at_ms IS NOT NULL AND one.rejected_at_ms IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM grants AS g
                WHERE g.colony = ?1 AND g.grantee = one.key AND g.role = 'executor'
            )
    ) < ?10
ON CONFLICT (colony, key, executor_type) DO UPDATE
SET name = excluded.name, registered_at_ms = excluded.registered_at_ms,
    last_heard_ms = max(coalesce(known.last_heard_ms, 0), excluded.last_heard_ms), offer = excluded.offer,
    functions = excluded.functions, version = excluded.version, slots = excluded.slots
RETURNING number AS key
