-- Signatures over many documents.
-- $1 batch: bytea[].
-- No race: the processes were just leased, and the batch of a running process is not deleted.
SELECT batch, signed FROM apiary.signature_batches WHERE batch = ANY ($1)
