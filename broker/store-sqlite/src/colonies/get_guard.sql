-- The colony's rules. ?1 colony. No race: one row is read.
SELECT colony AS key, version, signature, payload FROM guards WHERE colony = ?1
