-- Remembers a rollback, in its transaction. $1: old table.
update apiary.shadow
set cut_over_at = null, kept_table = null, rolled_back_at = now(), clean_since = null
where old_table = $1 and cut_over_at is not null
