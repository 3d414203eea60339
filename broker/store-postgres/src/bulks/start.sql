-- Stores a bulk action. No row if its id exists, or too many run in the colony.
-- $1 bulk_id: uuid, $2 colony: bigint, $3 action: text, $4 filter: text (JSON), $5 reason: text, $6 started_by: text,
-- $7 matched: bigint, $8 more may match, 0 or 1: bigint, $9 now_ms: bigint, $10 running at most: bigint.
-- Race won: of two with the same id, the second changes nothing. Of many at the same time, a few more than the maximum may run.
INSERT INTO apiary.bulks (
    bulk_id, colony, action, filter, reason, started_by, state, matched, more_may_match, changed, skipped, started_at_ms,
    held_until_ms
)
SELECT $1, $2::bigint, $3, $4, $5, $6, 'running', $7, $8, 0, 0, $9, 0
WHERE (SELECT count(*) FROM apiary.bulks WHERE colony = $2 AND state = 'running') < $10
ON CONFLICT (bulk_id) DO NOTHING
RETURNING bulk_id
