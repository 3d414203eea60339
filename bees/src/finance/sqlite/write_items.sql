-- The items that the change shows, unless newer is stored, or a newer change shows all. ?1: the change.
insert into stripe_subscription_items
  (account, livemode, subscription_id, id, version, position, price_id, product_id, quantity, metered, currency,
   unit_amount, interval, interval_count, current_period_start, current_period_end)
select
  s.account, s.livemode, s.id, value ->> '$.id', value ->> '$.version', value ->> '$.position',
  value ->> '$.price_id', value ->> '$.product_id', value ->> '$.quantity', value ->> '$.metered',
  value ->> '$.currency', value ->> '$.unit_amount', value ->> '$.interval', value ->> '$.interval_count',
  value ->> '$.current_period_start', value ->> '$.current_period_end'
from stripe_subscriptions as s, json_each(?1, '$.subscription.items')
where s.account = ?1 ->> '$.subscription.account' and s.livemode = ?1 ->> '$.subscription.livemode'
  and s.id = ?1 ->> '$.subscription.id' and value ->> '$.version' >= s.items_version
on conflict (account, livemode, subscription_id, id) do update
set version = excluded.version, position = excluded.position, price_id = excluded.price_id,
    product_id = excluded.product_id, quantity = excluded.quantity, metered = excluded.metered,
    currency = excluded.currency, unit_amount = excluded.unit_amount, interval = excluded.interval,
    interval_count = excluded.interval_count, current_period_start = excluded.current_period_start,
    current_period_end = excluded.current_period_end
where version < excluded.version
