-- Rejects a key that has no executor's grant. A row for each of its types, which says whether the rejection is new.
-- ?1 colony, ?2 key: blob, ?3 now_ms.
-- Race won: there is one writer.
UPDATE executors SET rejected_at_ms = coalesce(rejected_at_ms, ?3)
WHERE colony = ?1 AND key = ?2 AND registered_at_ms IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM grants AS g WHERE g.colony = ?1 AND g.grantee = ?2 AND g.role = 'executor')
RETURNING rejected_at_ms = ?3 AS is_new
