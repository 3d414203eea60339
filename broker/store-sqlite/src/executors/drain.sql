-- Has executors of a name take no new work. ?1 colony, ?2 name, ?3 drained_by, ?4 now_ms.
-- Race won: there is one writer; whoever was first stays the one who did it.
INSERT INTO drains (colony, name, drained_by, since_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (colony, name) DO NOTHING
