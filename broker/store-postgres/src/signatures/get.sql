-- Signatures over many documents.
-- $1 batch: bytea[].
-- No race: their members were just leased, and the batch of a process that runs is not deleted.
SELECT batch, signed FROM apiary.signature_batches WHERE batch = ANY ($1)
