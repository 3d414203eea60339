-- Marks the leases of processes that are being cancelled. A lease that was marked before keeps its reason, and the earlier deadline.
-- ?1 colony, ?2 process_id: JSON list of hexadecimal digits, ?3 deadline_ms, ?4 reason, ?5 by.
-- Race won: there is one writer; `cancel_finish.sql` finishes the processes that are not running in the same transaction.
UPDATE leases
SET cancel_deadline_ms = min(coalesce(cancel_deadline_ms, ?3), ?3), expires_at_ms = min(expires_at_ms, ?3),
    cancel_reason = coalesce(cancel_reason, ?4), cancel_by = coalesce(cancel_by, ?5)
WHERE colony = ?1 AND process_id IN (SELECT unhex(wanted.value) FROM json_each(?2) AS wanted)
