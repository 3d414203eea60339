-- Processes that failed and are waited for: those that most wait for, how many, and since when. ?1 colony, ?2 at most.
-- Race: they may be redriven the next moment; one statement sees one moment.
SELECT waited.parent AS process_id, count(*) AS count, min(held.since_ms) AS since_ms
FROM blocked AS held
JOIN dependencies AS waited ON waited.child = held.process_id
JOIN finished AS ended ON ended.process_id = waited.parent
WHERE held.colony = ?1 AND held.parents_left IS NOT NULL AND ended.state IN ('failed', 'dead_letter')
GROUP BY waited.parent
ORDER BY count(*) DESC, waited.parent
LIMIT ?2
