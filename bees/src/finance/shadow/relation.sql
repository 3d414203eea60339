-- Describes a table or view. $1: schema, $2: name. No row if there is none.
select c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text, c.relrowsecurity,
  pg_catalog.pg_has_role(c.relowner, 'usage'),
  exists (select from pg_catalog.pg_inherits as i where c.oid in (i.inhrelid, i.inhparent)),
  current_setting('server_version_num')::int, current_user::text
from pg_catalog.pg_class as c
where c.oid = to_regclass(format('%I.%I', $1::text, $2::text))
