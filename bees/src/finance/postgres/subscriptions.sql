-- One page of subscriptions, by account and id, as JSON text.
-- $1: livemode. $2: an account, or null for all. $3: a customer's id, or null for all. $4: the id to begin after, or
-- null. $5: at most so many.
select to_jsonb(s)::text
from public.stripe_subscriptions as s
where s.livemode = $1
  and ($2::text is null or s.account = $2)
  and ($3::text is null or s.customer_id = $3)
  and ($4::text is null or s.id > $4)
order by s.id, s.account
limit $5
