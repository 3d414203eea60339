-- Deletes the attempts of deleted processes.
-- $1 process_id: uuid[].
-- Race won: a discard that was committed while `delete.sql` waited for it moved an attempt that `delete.sql` could not see. Nobody adds
-- attempts to a deleted process. They refer to no batch of signatures, because only results of finished processes do.
DELETE FROM apiary.attempts
WHERE process_id = ANY ($1) AND NOT EXISTS (SELECT FROM apiary.specs WHERE specs.process_id = attempts.process_id)
