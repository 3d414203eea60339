-- Rejects a key that has no executor's grant. A row for each of its types, which says whether the rejection is new.
-- $1 colony: bigint, $2 key: bytea, $3 now_ms: bigint.
-- Race won: a grant that is added at the same moment prevails, because permission comes from grants alone.
UPDATE apiary.executors SET rejected_at_ms = coalesce(rejected_at_ms, $3)
WHERE colony = $1 AND key = $2 AND registered_at_ms IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM apiary.grants AS g WHERE g.colony = $1 AND g.grantee = $2 AND g.role = 'executor'
    )
RETURNING (rejected_at_ms = $3)::integer AS is_new
