-- Payments by id, with all columns, as JSON text. $1: the account. $2: livemode. $3: the ids.
select to_jsonb(p)::text
from public.stripe_payments as p
where p.account = $1 and p.livemode = $2 and p.id = any ($3)
order by p.id
