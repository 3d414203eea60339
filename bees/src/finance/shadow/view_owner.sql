-- Returns true if a view of this owner sees every row of a table of the record. $1: role, $2: table in `public`.
select r.rolsuper or r.rolbypassrls
  or pg_catalog.pg_has_role(r.oid, c.relowner, 'usage') and not c.relforcerowsecurity
from pg_catalog.pg_roles as r, pg_catalog.pg_class as c
where r.rolname = $1 and c.oid = to_regclass(format('public.%I', $2::text))
