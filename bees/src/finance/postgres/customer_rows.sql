-- Customers by id, with all columns, as JSON text. $1: the account. $2: livemode. $3: the ids.
select to_jsonb(c)::text
from public.stripe_customers as c
where c.account = $1 and c.livemode = $2 and c.id = any ($3)
order by c.id
