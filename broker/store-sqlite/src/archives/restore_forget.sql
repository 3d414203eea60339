-- Forgets restored processes that may leave again. ?1 now_ms.
-- Race won: it runs inside the one write transaction.
DELETE FROM restored WHERE until_ms <= ?1
