-- 1 if any grant of the colony, expired and revoked ones included, has this name.
-- ?1 colony, ?2 name.
-- Race: none; grants are never removed.
SELECT EXISTS (SELECT 1 FROM grants WHERE colony = ?1 AND name = ?2) AS named
