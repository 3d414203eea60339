-- Stops a running bulk action, or continues a stopped one.
-- $1 colony: bigint, $2 bulk_id: uuid, $3 state now: text, $4 state wanted: text, $5 ended_at_ms: bigint, or null.
-- Race won: a finished bulk action stays finished.
UPDATE apiary.bulks SET state = $4, ended_at_ms = $5
WHERE colony = $1 AND bulk_id = $2 AND state = $3
