-- Stops new work for executors of a name.
-- ?1 colony, ?2 name, ?3 drained_by, ?4 now_ms.
-- Race won: there is one writer; the first caller and time stay.
INSERT INTO drains (colony, name, drained_by, since_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (colony, name) DO NOTHING
