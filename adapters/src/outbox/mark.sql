-- Marks rows as submitted, or as refused. Returns the ids of the marked ones; not of those that a trigger left waiting.
-- $1 id: bigint[], $2 process_id: text[] (null if refused), $3 problem: text[] (null if submitted).
-- Race won: of two readers with different settings one may refuse what the other submits. A process that exists is the truth, so
-- that a refusal never replaces it, and it replaces a refusal.
UPDATE apiary.outbox AS job
SET submitted_at = CASE WHEN mark.process_id IS NOT NULL THEN now() END,
    process_id = mark.process_id::uuid,
    problem = mark.problem
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS mark (id, process_id, problem)
WHERE job.id = mark.id AND job.submitted_at IS NULL
RETURNING CASE WHEN job.submitted_at IS NOT NULL OR job.problem IS NOT NULL THEN job.id ELSE 0 END AS id
