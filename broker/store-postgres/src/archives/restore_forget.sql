-- Forgets restored processes that may leave again. $1 now_ms: bigint.
-- No race: a row that is over means nothing.
DELETE FROM apiary.restored WHERE until_ms <= $1
