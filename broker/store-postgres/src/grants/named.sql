-- 1 if any grant of the colony, expired and revoked ones included, has this name.
-- $1 colony: bigint, $2 name: text.
-- Race: none; grants are never removed.
SELECT EXISTS (SELECT 1 FROM apiary.grants WHERE colony = $1 AND name = $2)::integer AS named
