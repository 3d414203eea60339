-- Lets executors of a name take work again. $1 colony: bigint, $2 name: text. No race: gone is gone.
DELETE FROM apiary.drains WHERE colony = $1 AND name = $2
