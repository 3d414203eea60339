-- Makes a function that reads nothing of a relation as a role, and returns the error; it goes with the transaction.
create function pg_temp.shadow_try(role_name text, relation text)
returns text
language plpgsql
as $$
begin
  -- As the role would read: policies choose its rows.
  perform set_config('row_security', 'on', true);
  perform set_config('role', role_name, true);
  execute 'select from ' || relation || ' limit 0';
  perform set_config('role', 'none', true);
  return null;
exception when others then
  -- Names of relations, and no words of the database's own code: these can hold values of rows.
  return case when sqlstate = '42501' and sqlerrm like 'permission denied for %' then sqlerrm
    else 'SQLSTATE ' || sqlstate end;
end
$$
