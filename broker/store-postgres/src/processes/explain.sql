-- A process with everything that decides whether it runs.
-- $1 colony: bigint, $2 process_id: uuid, $3 finished since: bigint, $4 processes ahead at most: bigint, $5 runs at most: bigint.
-- `ahead` is the number of processes before it in its lane. `run_ms_mean` is the mean over the last attempts of its executor type, among
-- the colony's last processes that finished since then. Comparisons of rows make every estimate large, so that the indexes are read in
-- their order, and no further than these numbers, whatever the statistics say; the rest is looked up one by one.
-- Race: its state may change the next moment; one statement sees one moment.
SELECT shown.process_id, shown.colony, shown.function, shown.executor_type, shown.state, shown.attempt, shown.retries_spent,
       shown.priority, shown.submitted_at_ms, shown.since_ms, shown.until_ms, shown.submitter, shown.submitter_name, shown.executor_name,
       shown.reason, shown.labels::text AS labels, shown.ended_by, shown.cancel_deadline_ms, shown.cause, shown.percent,
       shown.progress, spec.requires::text AS requires, spec.executor_names::text AS executor_names,
       spec.concurrency_key, spec.rate_key, waiting.wait_deadline_ms, waiting.wait_left_ms, lease.renewed_at_ms,
       (
           SELECT count(*)
           FROM (
               SELECT
               FROM apiary.queue AS before
               WHERE (before.colony, before.executor_type, before.priority_time_us, before.process_id)
                       < (waiting.colony, waiting.executor_type, waiting.priority_time_us, waiting.process_id)
                   AND (before.colony, before.executor_type) >= (waiting.colony, waiting.executor_type)
               ORDER BY before.colony DESC, before.executor_type DESC, before.priority_time_us DESC, before.process_id DESC
               LIMIT $4
           ) AS nearest
       ) AS ahead,
       CASE WHEN waiting.process_id IS NOT NULL THEN (
           SELECT avg(greatest(coalesce(done.finished_at_ms - done.claimed_at_ms, (
               SELECT ran.ended_at_ms - ran.claimed_at_ms
               FROM apiary.attempts AS ran
               WHERE ran.process_id = done.process_id AND ran.attempt = done.attempt
           )), 0))::bigint
           FROM (
               (
                   SELECT process_id, attempt, finished_at_ms, claimed_at_ms
                   FROM apiary.finished
                   WHERE (colony, finished_at_ms) >= ($1, $3) AND (colony, finished_at_ms) <= ($1, 9223372036854775807)
                       AND state = 'succeeded'
                   ORDER BY colony DESC, finished_at_ms DESC
                   LIMIT $5
               )
               UNION ALL
               (
                   SELECT process_id, attempt, finished_at_ms, claimed_at_ms
                   FROM apiary.finished
                   WHERE (colony, finished_at_ms) >= ($1, $3) AND (colony, finished_at_ms) <= ($1, 9223372036854775807)
                       AND state <> 'succeeded'
                   ORDER BY colony DESC, finished_at_ms DESC
                   LIMIT $5
               )
               ORDER BY finished_at_ms DESC
               LIMIT $5
           ) AS done
           WHERE (SELECT did.executor_type FROM apiary.specs AS did WHERE did.process_id = done.process_id) = spec.executor_type
       ) END AS run_ms_mean
FROM apiary.specs AS spec
JOIN apiary.processes AS shown ON shown.process_id = spec.process_id
LEFT JOIN apiary.queue AS waiting ON waiting.process_id = spec.process_id
LEFT JOIN apiary.leases AS lease ON lease.process_id = spec.process_id
WHERE spec.process_id = $2 AND spec.colony = $1
