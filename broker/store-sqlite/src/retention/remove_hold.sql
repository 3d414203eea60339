-- Removes a hold. ?1 colony, ?2 name.
-- No race: of two that remove it, one finds it.
DELETE FROM retention_holds WHERE colony = ?1 AND name = ?2
