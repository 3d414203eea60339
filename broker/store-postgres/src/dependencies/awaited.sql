-- The processes among these that others wait for: usually none. It runs after every end of a process, so it is a statement of its own,
-- apart from those that take longer to plan than to run.
-- $1 process_id: uuid[].
-- The sub-select is that of `processes/summaries.sql`.
-- Race: a submit of a child at this moment checks its parents again after its commit.
SELECT asked.process_id
FROM unnest(ARRAY (SELECT unnest($1::uuid[]))) AS asked (process_id)
CROSS JOIN LATERAL (
    -- One row is enough: there may be a hundred thousand.
    SELECT FROM apiary.dependencies AS waited WHERE waited.parent = asked.process_id LIMIT 1
) AS awaited
