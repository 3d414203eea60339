-- Deletes the batches of signatures that no document refers to any more.
-- Race won: a batch that a submit refers to again is locked by it, and is not deleted, or is inserted anew.
DELETE FROM apiary.signature_batches WHERE members <= 0
