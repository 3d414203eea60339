-- Remembers a report of all rows. $1: old table, $2: mapping, $3: whether it was clean, $4: rows that agreed. Of a table
-- that is cut over nothing is remembered.
insert into apiary.shadow as s (old_table, mapping, clean_since, agreed, reported_at)
values ($1, $2, case when $3 then now() end, $4, now())
on conflict (old_table) do update
set mapping = excluded.mapping, agreed = excluded.agreed, reported_at = excluded.reported_at,
    clean_since = case
      when not $3 then null
      when s.mapping = excluded.mapping then coalesce(s.clean_since, now())
      else now()
    end
where s.cut_over_at is null
returning floor(extract(epoch from now() - clean_since))::bigint
