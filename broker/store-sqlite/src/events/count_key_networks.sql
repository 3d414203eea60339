-- The number of networks of a key.
-- ?1 colony, ?2 key: blob.
SELECT count(*) AS count FROM key_networks WHERE colony = ?1 AND key = ?2
