-- Waits for the end of a deletion by retention, and keeps others from beginning until the end of the transaction. No parameters.
-- Race won: a hold is respected by each deletion that ends after it was set.
SELECT pg_advisory_xact_lock(hashtextextended('apiary.retention', 0))
