-- The colony's rules. $1 colony: bigint. No race: one row is read.
SELECT colony AS key, version, signature, payload FROM apiary.guards WHERE colony = $1
