-- Whether any grant of the colony, also an old one, has this name. $1 colony: bigint, $2 name: text.
-- Race: none; grants are never removed.
SELECT EXISTS (SELECT 1 FROM apiary.grants WHERE colony = $1 AND name = $2)::integer AS named
