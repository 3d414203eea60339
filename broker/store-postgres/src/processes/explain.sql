-- A process with everything that decides whether it runs.
-- $1 colony: bigint, $2 process_id: uuid, $3 finished since: bigint.
-- `ahead` is the number of processes before it in its lane. `run_ms_mean` is the mean over the last attempts of its executor type, among
-- the colony's last ten thousand processes that finished since then.
-- Race: its state may change the next moment; one statement sees one moment.
SELECT shown.process_id, shown.colony, shown.function, shown.executor_type, shown.state, shown.attempt, shown.retries_spent,
       shown.priority, shown.submitted_at_ms, shown.since_ms, shown.until_ms, shown.submitter_name, shown.executor_name,
       shown.reason, shown.labels::text AS labels, shown.ended_by, shown.cancel_deadline_ms, shown.cause, shown.percent,
       shown.progress, spec.requires::text AS requires, spec.executor_names::text AS executor_names,
       spec.concurrency_key, spec.rate_key, waiting.wait_deadline_ms, waiting.wait_left_ms, lease.renewed_at_ms,
       (
           SELECT count(*) FROM apiary.queue AS ahead
           WHERE ahead.colony = waiting.colony AND ahead.executor_type = waiting.executor_type
               AND (ahead.priority_time_us, ahead.process_id) < (waiting.priority_time_us, waiting.process_id)
       ) AS ahead,
       (
           SELECT avg(
               greatest(coalesce(done.finished_at_ms - done.claimed_at_ms, ran.ended_at_ms - ran.claimed_at_ms), 0)
           )::bigint
           FROM (
               (
                   SELECT process_id, attempt, finished_at_ms, claimed_at_ms
                   FROM apiary.finished
                   WHERE colony = $1 AND finished_at_ms >= $3 AND state = 'succeeded'
                   ORDER BY finished_at_ms DESC
                   LIMIT 10000
               )
               UNION ALL
               (
                   SELECT process_id, attempt, finished_at_ms, claimed_at_ms
                   FROM apiary.finished
                   WHERE colony = $1 AND finished_at_ms >= $3 AND state <> 'succeeded'
                   ORDER BY finished_at_ms DESC
                   LIMIT 10000
               )
               ORDER BY finished_at_ms DESC
               LIMIT 10000
           ) AS done
           JOIN apiary.specs AS did ON did.process_id = done.process_id
           LEFT JOIN apiary.attempts AS ran
               ON done.claimed_at_ms IS NULL AND ran.process_id = done.process_id AND ran.attempt = done.attempt
           WHERE waiting.process_id IS NOT NULL AND did.executor_type = spec.executor_type
               AND (done.claimed_at_ms IS NOT NULL OR ran.claimed_at_ms IS NOT NULL)
       ) AS run_ms_mean
FROM apiary.specs AS spec
JOIN apiary.processes AS shown ON shown.process_id = spec.process_id
LEFT JOIN apiary.queue AS waiting ON waiting.process_id = spec.process_id
LEFT JOIN apiary.leases AS lease ON lease.process_id = spec.process_id
WHERE spec.process_id = $2 AND spec.colony = $1
