-- Lets this transaction read the index of labels, which has no order. No parameters.
-- No race: it is a setting of the transaction.
SELECT set_config('enable_bitmapscan', 'on', true)
