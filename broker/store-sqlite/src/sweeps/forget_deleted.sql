-- Deletes the records of deleted processes whose specs are too old to be submitted again.
-- ?1 now_ms, ?2 at most.
-- Race won: there is one writer.
DELETE FROM deleted
WHERE process_id IN (SELECT process_id FROM deleted WHERE forget_at_ms <= ?1 ORDER BY forget_at_ms LIMIT ?2)
