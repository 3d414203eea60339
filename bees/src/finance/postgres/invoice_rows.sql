-- Invoices by id, with all columns, as JSON text. $1: the account. $2: livemode. $3: the ids.
select to_jsonb(i)::text
from public.stripe_invoices as i
where i.account = $1 and i.livemode = $2 and i.id = any ($3)
order by i.id
