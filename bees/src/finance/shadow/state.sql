-- Makes the table of shadow mode's state: a row for each old table.
create schema if not exists apiary;
create table if not exists apiary.shadow (
  old_table text primary key,
  -- The mapping, in one form. A cutover is undone by the same one.
  mapping text not null,
  -- Reports since then found no settled difference; null after one that did.
  clean_since timestamptz,
  agreed bigint not null default 0,
  reported_at timestamptz,
  -- While a view has the old table's name.
  cut_over_at timestamptz,
  kept_table text,
  rolled_back_at timestamptz
);
revoke all on apiary.shadow from public;
comment on table apiary.shadow is 'State of `apiary shadow`: reports, cutovers and rollbacks of old tables.';
