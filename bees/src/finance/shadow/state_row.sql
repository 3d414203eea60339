-- Returns the state of an old table. $1: its name. No row before the first report.
select mapping, to_char(cut_over_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), kept_table
from apiary.shadow
where old_table = $1
