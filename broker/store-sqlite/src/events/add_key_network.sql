-- Adds a network of a key, unless it is known.
-- ?1 colony, ?2 key: blob, ?3 network, ?4 seen_ms.
-- Race won: there is one writer.
INSERT INTO key_networks (colony, key, network, seen_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING
