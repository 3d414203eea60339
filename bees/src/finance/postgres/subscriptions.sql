-- One page of subscriptions, by id, as JSON text.
-- $1: livemode. $2: a customer's id, or null for all. $3: the id to begin after, or null. $4: at most so many.
select to_jsonb(s)::text
from public.stripe_subscriptions as s
where s.livemode = $1
  and ($2::text is null or s.customer_id = $2)
  and ($3::text is null or s.id > $3)
order by s.id
limit $4
