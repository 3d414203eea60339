-- The states of processes that are to be parents, and the replacements of failed ones.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits.
-- Race: they may end the next moment; the submit of the child checks them again after its commit.
SELECT life.process_id, life.state,
       CASE
           WHEN ended.replacing_since_ms IS NULL OR other.process_id IS NOT NULL THEN ended.replaced_by
       END AS replaced_by
FROM processes AS life
LEFT JOIN finished AS ended ON ended.process_id = life.process_id
LEFT JOIN specs AS other ON other.process_id = ended.replaced_by AND other.colony = ended.colony
WHERE life.colony = ?1 AND life.process_id IN (SELECT unhex(asked.value) FROM json_each(?2) AS asked) AND life.state IS NOT NULL
