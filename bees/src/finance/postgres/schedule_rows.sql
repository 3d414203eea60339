-- Schedules by id, with all columns, as JSON text. $1: the account. $2: livemode. $3: the ids.
select to_jsonb(s)::text
from public.stripe_schedules as s
where s.account = $1 and s.livemode = $2 and s.id = any ($3)
order by s.id
