-- Whether any grant of the colony, also an old one, has this name. ?1 colony, ?2 name.
-- Race: none; grants are never removed.
SELECT EXISTS (SELECT 1 FROM grants WHERE colony = ?1 AND name = ?2) AS named
