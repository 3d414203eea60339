-- Parents with a final outcome, as in `settle.sql`, that other processes still wait for.
-- ?1 at most.
-- Race: a parent that ends at this moment is settled by the broker that ended it.
SELECT waited.parent AS process_id
FROM (SELECT DISTINCT parent FROM dependencies) AS waited
LEFT JOIN specs AS kept ON kept.process_id = waited.parent
LEFT JOIN finished AS ended ON ended.process_id = waited.parent
LEFT JOIN deleted AS gone ON gone.process_id = waited.parent
LEFT JOIN specs AS other ON other.process_id = ended.replaced_by AND other.colony = ended.colony
WHERE kept.process_id IS NULL
    OR ended.state IN ('succeeded', 'cancelled')
    OR (ended.replaced_by IS NOT NULL AND (ended.replacing_since_ms IS NULL OR other.process_id IS NOT NULL))
ORDER BY waited.parent
LIMIT ?1
