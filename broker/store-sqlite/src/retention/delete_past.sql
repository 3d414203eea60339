-- The finished processes of one colony and state within a range of time that nothing keeps, to be deleted.
-- ?1 colony, ?2 state, ?3 finished after, ?4 finished by, in milliseconds, ?5 now_ms.
-- Race won: it runs inside the one write transaction, as do the statements that delete them.
SELECT ended.process_id, ended.colony
FROM finished AS ended
WHERE ended.colony = ?1 AND ended.state = ?2 AND ended.finished_at_ms > ?3 AND ended.finished_at_ms <= ?4
    AND NOT EXISTS (
        SELECT 1 FROM kept_processes AS kept WHERE kept.process_id = ended.process_id AND kept.until_ms > ?5
    )
    -- In a colony that archives, only what is archived.
    AND (
        NOT EXISTS (SELECT 1 FROM retention_holds WHERE colony = ?1 AND name = 'archive')
        OR EXISTS (
            SELECT 1 FROM archived AS done WHERE done.process_id = ended.process_id AND done.finished_at_ms = ended.finished_at_ms
        )
    )
