-- Forgets what was set aside, in the transaction that put it back into the line.
DELETE FROM set_aside
