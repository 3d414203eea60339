-- Lists what is bound to a table itself and not to its name, and what would no longer act behind a view. $1: schema,
-- $2: name. Each row: kind and name.
with own as (
  select c.oid, c.reltype, t.typarray
  from pg_catalog.pg_class as c
  join pg_catalog.pg_type as t on t.oid = c.reltype
  where c.oid = to_regclass(format('%I.%I', $1::text, $2::text))
)
select 'foreign_key', format('%I of %s', con.conname, con.conrelid::regclass)
from pg_catalog.pg_constraint as con, own
where con.contype = 'f' and con.confrelid = own.oid and con.conrelid <> own.oid
union
select 'view', r.ev_class::regclass::text
from own
join pg_catalog.pg_depend as d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = own.oid
join pg_catalog.pg_rewrite as r on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
where r.ev_class <> own.oid
union
select 'object', pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
from own
join pg_catalog.pg_depend as d
  on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = own.oid
  or d.refclassid = 'pg_catalog.pg_type'::regclass and d.refobjid in (own.reltype, own.typarray)
where d.deptype = 'n'
  and d.classid not in (
    'pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_trigger'::regclass
  )
  -- Its own defaults and generated columns go with it.
  and not exists (
    select from pg_catalog.pg_attrdef as a
    where d.classid = 'pg_catalog.pg_attrdef'::regclass and a.oid = d.objid and a.adrelid = own.oid
  )
  -- Policies of the table itself go with it.
  and not exists (
    select from pg_catalog.pg_policy as p
    where d.classid = 'pg_catalog.pg_policy'::regclass and p.oid = d.objid and p.polrelid = own.oid
  )
union
select 'rule', r.rulename::text
from pg_catalog.pg_rewrite as r, own
where r.ev_class = own.oid
union
select 'trigger', t.tgname::text
from pg_catalog.pg_trigger as t, own
where t.tgrelid = own.oid and not t.tgisinternal and t.tgenabled <> 'D'
union
select 'publication', p.pubname::text
from pg_catalog.pg_publication_tables as p
where p.schemaname = $1 and p.tablename = $2
union
select 'delete_action', con.conname::text
from pg_catalog.pg_constraint as con, own
where con.contype = 'f' and con.conrelid = own.oid and con.confrelid <> own.oid and con.confdeltype in ('c', 'n', 'd')
union
select 'reference', format('%I to %s', con.conname, con.confrelid::regclass)
from pg_catalog.pg_constraint as con, own
where con.contype = 'f' and con.conrelid = own.oid and con.confrelid <> own.oid
order by 1, 2
