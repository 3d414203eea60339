-- Returns the query of a view in the schema `public`. $1: name.
select rtrim(pg_catalog.pg_get_viewdef(to_regclass(format('public.%I', $1::text)), false), ';')
