-- Lists the columns of a table or view, in their order. $1: schema, $2: name.
select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typname::text, t.typtype::text, a.attnotnull,
  a.atthasdef or a.attidentity <> '', a.attgenerated <> '', a.attidentity = 'a', a.atttypmod >= 0,
  case when a.attcollation <> 0 then format('%I.%I', n.nspname, c.collname) end
from pg_catalog.pg_attribute as a
join pg_catalog.pg_type as t on t.oid = a.atttypid
left join pg_catalog.pg_collation as c on c.oid = a.attcollation
left join pg_catalog.pg_namespace as n on n.oid = c.collnamespace
where a.attrelid = to_regclass(format('%I.%I', $1::text, $2::text)) and a.attnum > 0 and not a.attisdropped
order by a.attnum
