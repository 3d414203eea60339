-- Returns the name of an index of a table by which a row is found by its key. $1: schema, $2: name, $3: the key's column. No row
-- if there is none: a partial index has not every row, and one of which the key is not the first column finds none by it.
select c.relname::text
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indrelid = to_regclass(format('%I.%I', $1::text, $2::text)) and a.attname = $3
  and i.indisvalid and i.indpred is null and c.relam = (select oid from pg_catalog.pg_am where amname = 'btree')
order by i.indisprimary desc, i.indisunique desc, c.relname
limit 1
