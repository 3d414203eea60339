-- Lets this transaction read the index of labels, which has no order, and bounds what the index gives: of more rows it gives about so
-- many, chosen at random.
-- $1 the number: text.
-- No race: these are settings of the transaction.
SELECT set_config('enable_bitmapscan', 'on', true), set_config('gin_fuzzy_search_limit', $1, true)
