-- Sets what the transaction needs, for itself alone. $1 schema: text, or null for the role's own search path.
-- Times are printed in UTC. Between two pages, while the broker takes rows, the transaction is idle, and must not be ended for it.
SELECT
    set_config('TimeZone', 'UTC', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('search_path', coalesce(quote_ident($1::text), current_setting('search_path')), true)
