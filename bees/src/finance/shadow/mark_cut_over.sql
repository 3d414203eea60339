-- Remembers a cutover, in its transaction. $1: old table, $2: mapping, $3: name of the kept table.
update apiary.shadow
set mapping = $2, cut_over_at = now(), kept_table = $3, rolled_back_at = null
where old_table = $1 and cut_over_at is null
