-- Refuses a write to a view that stands in the place of an old table.
create or replace function apiary.shadow_refuse_write()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception
    '%.% is read-only since the cutover: the finance bee keeps its rows. Turn the old webhook handler off, or go back with `apiary shadow rollback`',
    tg_table_schema, tg_table_name
    using errcode = 'PT405';
end
$$
