-- A process with everything that decides whether it runs.
-- ?1 colony, ?2 process_id: blob, ?3 finished since, ?4 processes ahead at most, ?5 runs at most.
-- `ahead` is the number of processes before it in its lane. `run_ms_mean` is the mean over the last attempts of its executor type, among
-- the colony's last processes that finished since then.
-- Race: its state may change the next moment; one statement sees one moment.
SELECT shown.process_id, shown.colony, shown.function, shown.executor_type, shown.state, shown.attempt, shown.retries_spent,
       shown.priority, shown.submitted_at_ms, shown.since_ms, shown.until_ms, shown.submitter, shown.submitter_name, shown.executor_name,
       shown.reason, shown.labels, shown.ended_by, shown.cancel_deadline_ms, shown.cause, shown.percent, shown.progress,
       spec.requires, spec.executor_names, spec.concurrency_key, spec.rate_key, waiting.wait_deadline_ms, waiting.wait_left_ms,
       lease.renewed_at_ms,
       (
           SELECT count(*) FROM (
               SELECT 1 FROM queue AS before
               WHERE before.colony = waiting.colony AND before.executor_type = waiting.executor_type
                   AND (before.priority_time_us, before.process_id) < (waiting.priority_time_us, waiting.process_id)
               LIMIT ?4
           )
       ) AS ahead,
       (
           SELECT CAST(avg(max(ran.ended_at_ms - ran.claimed_at_ms, 0)) AS INTEGER) FROM (
               SELECT process_id, attempt FROM finished AS last
               WHERE last.colony = ?1 AND last.finished_at_ms >= ?3
               ORDER BY last.finished_at_ms DESC, last.process_id DESC
               LIMIT ?5
           ) AS done
           JOIN specs AS did ON did.process_id = done.process_id
           JOIN attempts AS ran ON ran.process_id = done.process_id AND ran.attempt = done.attempt
           WHERE waiting.process_id IS NOT NULL AND did.executor_type = spec.executor_type
       ) AS run_ms_mean
FROM specs AS spec
JOIN processes AS shown ON shown.process_id = spec.process_id
LEFT JOIN queue AS waiting ON waiting.process_id = spec.process_id
LEFT JOIN leases AS lease ON lease.process_id = spec.process_id
WHERE spec.process_id = ?2 AND spec.colony = ?1 AND shown.state IS NOT NULL
