-- Settings of a session, so that nothing waits for ever and a commit means a commit. Sent as plain text, without parameters:
-- behind a pooler it goes in one message with the `BEGIN` of each transaction.
-- $1 statement_timeout, $2 lock_timeout, $3 idle_in_transaction_session_timeout: text, with their units; $4 whether all of it
-- lasts for one transaction only.
-- Race won: a broker that vanishes in the middle of a claim gives its rows free after $3.
SELECT
    set_config('statement_timeout', $1, $4),
    set_config('lock_timeout', $2, $4),
    set_config('idle_in_transaction_session_timeout', $3, $4),
    set_config('default_transaction_isolation', 'read committed', $4),
    -- Stronger settings (`remote_apply`) stay as they are; `off` would acknowledge what a crash can still undo.
    set_config(
        'synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END,
        $4
    ),
    -- The thin tables are empty in one moment and hold a hundred thousand rows in the next. A plan that was made and
    -- kept for the empty table must not read the full one from end to end at every claim. For the same reason statements that join
    -- their items with a table say once more which rows they mean (`= ANY`): a join that begins at the table then reads only these.
    set_config('enable_seqscan', 'off', $4),
    -- The same for a scan that first gathers all that matches, while a statement wants the first few in the order of an index.
    set_config('enable_bitmapscan', 'off', $4),
    -- Short statements only: compiling one, or starting workers for it, takes longer than running it.
    set_config('jit', 'off', $4),
    set_config('max_parallel_workers_per_gather', '0', $4)
