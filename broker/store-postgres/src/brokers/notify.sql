-- Sends a message to the brokers.
-- $1 message: text.
-- A notification makes its transaction write a commit to the log. Nobody waits for the disk: a message that a crash loses is no loss.
-- No race: slow polls find the work of a lost message.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('apiary', $1)
