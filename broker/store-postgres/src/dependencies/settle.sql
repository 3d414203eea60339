-- The parents among these with a final outcome: `succeeded`, `replaced` (with the replacement), `cancelled` or `deleted`.
-- $1 process_id: uuid[].
-- Race won: an outcome is final, so it still holds when the next statement acts on it.
SELECT waited.parent AS process_id,
       CASE
           WHEN coalesce(ended.state, gone.state) = 'succeeded' THEN 'succeeded'
           WHEN coalesce(ended.replaced_by, gone.replaced_by) IS NOT NULL THEN 'replaced'
           WHEN kept.process_id IS NULL THEN 'deleted'
           ELSE 'cancelled'
       END AS fate,
       coalesce(ended.replaced_by, gone.replaced_by) AS replaced_by
FROM unnest($1::uuid[]) AS waited (parent)
LEFT JOIN apiary.specs AS kept ON kept.process_id = waited.parent AND kept.process_id = ANY ($1)
LEFT JOIN apiary.finished AS ended ON ended.process_id = waited.parent AND ended.process_id = ANY ($1)
LEFT JOIN apiary.deleted AS gone ON gone.process_id = waited.parent AND gone.process_id = ANY ($1)
LEFT JOIN apiary.specs AS other ON other.process_id = ended.replaced_by AND other.colony = ended.colony
WHERE kept.process_id IS NULL
    OR ended.state IN ('succeeded', 'cancelled')
    OR (ended.replaced_by IS NOT NULL AND (ended.replacing_since_ms IS NULL OR other.process_id IS NOT NULL))
ORDER BY waited.parent
