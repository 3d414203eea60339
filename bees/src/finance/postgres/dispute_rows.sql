-- Disputes by id, with all columns, as JSON text. $1: the account. $2: livemode. $3: the ids.
select to_jsonb(d)::text
from public.stripe_disputes as d
where d.account = $1 and d.livemode = $2 and d.id = any ($3)
order by d.id
