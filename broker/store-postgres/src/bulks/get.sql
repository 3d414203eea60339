-- A bulk action.
-- $1 colony: bigint, $2 bulk_id: uuid.
-- Race: it may progress the next moment.
SELECT bulk_id, colony, action, filter, reason, started_by, state, matched, more_may_match, changed, skipped,
       started_at_ms, ended_at_ms, after_ms, after_id
FROM apiary.bulks
WHERE colony = $1 AND bulk_id = $2
