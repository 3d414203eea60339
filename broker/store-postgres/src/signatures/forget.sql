-- Deletes the batches of signatures that no document refers to any more.
-- Race won: a submit or a completion that refers to a batch again locks it, so that it is not deleted; or finds it deleted, and inserts it.
DELETE FROM apiary.signature_batches WHERE members <= 0
