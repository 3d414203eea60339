-- Refunds by id, with all columns, as JSON text. $1: the account. $2: livemode. $3: the ids.
select to_jsonb(r)::text
from public.stripe_refunds as r
where r.account = $1 and r.livemode = $2 and r.id = any ($3)
order by r.id
