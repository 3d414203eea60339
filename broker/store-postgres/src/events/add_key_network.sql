-- Adds a network of a key, unless it is known.
-- $1 colony: bigint, $2 key: bytea, $3 network: text, $4 seen_ms: bigint.
-- Race won: of several brokers that add the same network, one adds it, and stores its event.
INSERT INTO apiary.key_networks (colony, key, network, seen_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
