-- Stops a bulk action where it is, or lets a stopped one go on. ?1 colony, ?2 bulk_id, ?3 state now,
-- ?4 state wanted, ?5 ended_at_ms, or null. Race won: one that is finished stays so.
UPDATE bulks SET state = ?4, ended_at_ms = ?5
WHERE colony = ?1 AND bulk_id = ?2 AND state = ?3
