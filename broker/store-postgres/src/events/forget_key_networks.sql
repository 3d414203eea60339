-- Deletes the networks of a key that were added first.
-- $1 colony: bigint, $2 key: bytea, $3 the number to keep: bigint.
-- Race won: of several brokers that delete, each deletes only what is older than what stays.
DELETE FROM apiary.key_networks
WHERE colony = $1 AND key = $2 AND network IN (
    SELECT network FROM apiary.key_networks WHERE colony = $1 AND key = $2 ORDER BY seen_ms DESC, network OFFSET $3
)
