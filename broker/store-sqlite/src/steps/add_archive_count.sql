-- Notes how many processes are recorded as being in an object. ?1 archive, ?2 how many.
-- Race won: it runs inside the one write transaction.
UPDATE archives SET recorded = ?2 WHERE key = ?1
