-- Marks rows as submitted, or as refused. Returns the ids of the marked ones; not of those that a trigger left waiting.
-- $1 id: bigint[], $2 process_id: text[] (null if refused), $3 problem: text[] (null if submitted), $4 whether a retry may help:
-- boolean[]. $5 shortest, and $6 longest pause until a retry, in milliseconds: bigint.
-- The pause is as long as the row has been refused: it doubles, and what is repaired soon is done soon. A row whose problem somebody has
-- removed begins anew.
-- Race won: of two readers with different settings one may refuse what the other submits. A process that exists is the truth, so
-- that a refusal never replaces it, and it replaces a refusal.
UPDATE apiary.outbox AS job
SET submitted_at = CASE WHEN mark.process_id IS NOT NULL THEN now() END,
    process_id = mark.process_id::uuid,
    problem = mark.problem,
    refused_at = CASE
        WHEN mark.problem IS NOT NULL THEN coalesce(CASE WHEN job.problem IS NOT NULL THEN job.refused_at END, now())
    END,
    retry_at = CASE
        WHEN mark.may_pass THEN now() + least(
            greatest(
                now() - coalesce(CASE WHEN job.problem IS NOT NULL THEN job.refused_at END, now()),
                make_interval(secs => $5::bigint / 1000.0)
            ),
            make_interval(secs => $6::bigint / 1000.0)
        )
    END
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[]) AS mark (id, process_id, problem, may_pass)
WHERE job.id = mark.id AND job.submitted_at IS NULL
RETURNING CASE WHEN job.submitted_at IS NOT NULL OR job.problem IS NOT NULL THEN job.id ELSE 0 END AS id
