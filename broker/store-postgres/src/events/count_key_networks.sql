-- The number of networks of a key.
-- $1 colony: bigint, $2 key: bytea.
SELECT count(*) AS count FROM apiary.key_networks WHERE colony = $1 AND key = $2
