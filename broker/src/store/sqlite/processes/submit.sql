-- Keeps signed specs. ?1 items: JSON list, ?2 the items' documents: blob, cut by the items' `at` and `payload_bytes`.
-- Race won: it runs inside the one write transaction, after `submit_known.sql` found nothing in the way.
INSERT INTO specs (
    process_id, colony, submitter, priority_time_ms, max_wait_ms, max_exec_ms, submitted_at_ms, priority, max_retries,
    function, executor_type, executor_names, labels, digest, signature, payload
)
SELECT
    unhex(value ->> 'process_id'), value ->> 'colony', value ->> 'submitter', value ->> 'priority_time_ms',
    value ->> 'max_wait_ms', value ->> 'max_exec_ms', value ->> 'submitted_at_ms', value ->> 'priority',
    value ->> 'max_retries', value ->> 'function', value ->> 'executor_type', value ->> 'executor_names',
    value ->> 'labels', unhex(value ->> 'digest'), substr(?2, value ->> 'at', 64),
    substr(?2, (value ->> 'at') + 64, value ->> 'payload_bytes')
FROM jsonb_each(?1)
