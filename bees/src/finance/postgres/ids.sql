-- A page of the ids of a kind, each with whether the object was deleted at Stripe. $1: the kind. $2: the account.
-- $3: livemode. $4: the id before the page. $5: most ids.
select id, deleted as is_deleted
from public.stripe_customers
where $1 = 'customers' and account = $2 and livemode = $3 and id > $4
union all
select id, false as is_deleted
from public.stripe_subscriptions
where $1 = 'subscriptions' and account = $2 and livemode = $3 and id > $4
union all
select id, coalesce(outcome = 'deleted', false) as is_deleted
from public.stripe_invoices
where $1 = 'invoices' and account = $2 and livemode = $3 and id > $4
union all
select id, false as is_deleted
from public.stripe_payments
where $1 = 'payment_intents' and account = $2 and livemode = $3 and id > $4
union all
select id, false as is_deleted
from public.stripe_refunds
where $1 = 'refunds' and account = $2 and livemode = $3 and id > $4
union all
select id, false as is_deleted
from public.stripe_disputes
where $1 = 'disputes' and account = $2 and livemode = $3 and id > $4
union all
select id, false as is_deleted
from public.stripe_schedules
where $1 = 'schedules' and account = $2 and livemode = $3 and id > $4
order by id
limit $5
