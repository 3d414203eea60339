-- Sends a message to the brokers.
-- $1 message: text.
-- No race: slow polls find the work of a lost message.
SELECT pg_notify('apiary', $1)
