-- Removes a hold. $1 colony: bigint, $2 name: text.
-- No race: of two that remove it, one finds it.
DELETE FROM apiary.retention_holds WHERE colony = $1 AND name = $2
