-- A process.
-- $1 colony: bigint, $2 process_id: uuid.
-- A spec without a state is returned, too: the reader reports it.
-- Race won: one statement sees one moment, so that a process in transition is in one state, not in none.
SELECT spec.process_id, spec.colony, spec.function, spec.executor_type, shown.state, shown.attempt,
       shown.retries_spent, spec.priority, spec.submitted_at_ms, shown.since_ms, shown.until_ms,
       shown.submitter_name, shown.executor_name, shown.reason, spec.labels::text AS labels,
       shown.ended_by, shown.cancel_deadline_ms, shown.cause, shown.percent, shown.progress,
       spec.submitter, spec.payload, spec.signature, batch.signed
FROM apiary.specs AS spec
LEFT JOIN apiary.processes AS shown ON shown.process_id = spec.process_id
LEFT JOIN apiary.signature_batches AS batch
    ON octet_length(spec.signature) = 20 AND batch.batch = substring(spec.signature FROM 1 FOR 16)
WHERE spec.process_id = $2 AND spec.colony = $1
