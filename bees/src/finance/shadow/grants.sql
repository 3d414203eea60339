-- Lists the rights that others than the owner have on a table or view. $1: schema, $2: name. Each row: role as SQL,
-- role as text (empty for everybody), right, column (null for all), and whether it may be passed on.
with own as (
  select oid, relowner, relacl from pg_catalog.pg_class where oid = to_regclass(format('%I.%I', $1::text, $2::text))
), rights as (
  select a.grantee, a.privilege_type, null::name as column_name, a.is_grantable
  from own cross join lateral pg_catalog.aclexplode(own.relacl) as a
  where a.grantee <> own.relowner
  union
  select a.grantee, a.privilege_type, c.attname, a.is_grantable
  from own
  join pg_catalog.pg_attribute as c on c.attrelid = own.oid and not c.attisdropped
  cross join lateral pg_catalog.aclexplode(c.attacl) as a
  where a.grantee <> own.relowner
)
select case when grantee = 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(grantee)) end,
  case when grantee = 0 then '' else pg_catalog.pg_get_userbyid(grantee)::text end, privilege_type, column_name::text,
  is_grantable
from rights
order by 1, 3, 4
