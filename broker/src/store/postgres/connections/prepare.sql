-- Settings of a new session, so that nothing waits for ever and a commit means a commit.
-- $1 statement_timeout, $2 lock_timeout, $3 idle_in_transaction_session_timeout: text, with their units.
-- Race won: a broker that vanishes in the middle of a claim gives its rows free after $3.
SELECT
    set_config('statement_timeout', $1, false),
    set_config('lock_timeout', $2, false),
    set_config('idle_in_transaction_session_timeout', $3, false),
    set_config('default_transaction_isolation', 'read committed', false),
    -- Stronger settings (`remote_apply`) stay as they are; `off` would acknowledge what a crash can still undo.
    set_config(
        'synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END,
        false
    ),
    -- The thin tables are empty in one moment and hold a hundred thousand rows in the next. A plan that was made and
    -- kept for the empty table must not read the full one from end to end at every claim.
    set_config('enable_seqscan', 'off', false),
    -- Short statements only: compiling one, or starting workers for it, takes longer than running it.
    set_config('jit', 'off', false),
    set_config('max_parallel_workers_per_gather', '0', false)
