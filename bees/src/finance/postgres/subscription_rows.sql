-- Subscriptions by id, with all columns and their items, as JSON text. $1: the account. $2: livemode. $3: the ids.
select (
  to_jsonb(s) || jsonb_build_object('items', coalesce((
    select jsonb_agg(to_jsonb(i) order by i.position)
    from public.stripe_subscription_items as i
    where i.account = s.account and i.livemode = s.livemode and i.subscription_id = s.id
  ), '[]'))
)::text
from public.stripe_subscriptions as s
where s.account = $1 and s.livemode = $2 and s.id = any ($3)
order by s.id
