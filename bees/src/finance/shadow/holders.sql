-- Describes the sessions that have a lock on a table or view. $1: schema, $2: name.
select string_agg(distinct format(
    'pid %s (%s, %s, transaction of %s s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name'),
    coalesce(a.state, 'unknown'), extract(epoch from now() - a.xact_start)::int
  ), '; ')
from pg_catalog.pg_locks as l
join pg_catalog.pg_stat_activity as a on a.pid = l.pid
where l.relation = to_regclass(format('%I.%I', $1::text, $2::text)) and l.granted and l.pid <> pg_backend_pid()
