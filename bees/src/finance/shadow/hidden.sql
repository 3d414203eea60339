-- Lists roles that see rows of an old table by its policies, and would see none of a table of the record. $1: schema and
-- $2: name of the old table, $3: the record's table in `public`.
with old as (
  select * from pg_catalog.pg_class where oid = to_regclass(format('%I.%I', $1::text, $2::text))
), base as (
  select * from pg_catalog.pg_class where oid = to_regclass(format('public.%I', $3::text))
)
select distinct r.rolname::text
from old, base, pg_catalog.pg_roles as r
where not r.rolbypassrls and not r.rolsuper
  and exists (
    select from pg_catalog.aclexplode(old.relacl) as a where a.grantee = r.oid and a.privilege_type = 'SELECT'
  )
  and r.oid <> old.relowner
  and exists (
    select from pg_catalog.pg_policy as p, unnest(p.polroles) as role (oid)
    where p.polrelid = old.oid and p.polpermissive and p.polcmd in ('r', '*')
      and (role.oid = 0 or pg_catalog.pg_has_role(r.oid, role.oid, 'usage'))
  )
  and base.relrowsecurity
  and not exists (
    select from pg_catalog.pg_policy as p, unnest(p.polroles) as role (oid)
    where p.polrelid = base.oid and p.polpermissive and p.polcmd in ('r', '*')
      and (role.oid = 0 or pg_catalog.pg_has_role(r.oid, role.oid, 'usage'))
  )
order by 1
