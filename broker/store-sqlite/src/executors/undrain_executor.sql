-- Lets executors of a name take work again. ?1 colony, ?2 name. No race: gone is gone.
DELETE FROM drains WHERE colony = ?1 AND name = ?2
