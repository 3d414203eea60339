-- Lists the triggers of a table that fire, with the word that enables each. $1: schema, $2: name.
select quote_ident(tgname), case tgenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'enable' end
from pg_catalog.pg_trigger
where tgrelid = to_regclass(format('%I.%I', $1::text, $2::text)) and not tgisinternal and tgenabled <> 'D'
order by tgname
