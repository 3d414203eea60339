-- Stops a running bulk action, or continues a stopped one.
-- ?1 colony, ?2 bulk_id, ?3 state now, ?4 state wanted, ?5 ended_at_ms, or null.
-- Race won: a finished bulk action stays finished.
UPDATE bulks SET state = ?4, ended_at_ms = ?5
WHERE colony = ?1 AND bulk_id = ?2 AND state = ?3
