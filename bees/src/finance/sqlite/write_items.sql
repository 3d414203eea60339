-- The items of the subscription. ?1: the change.
insert into stripe_subscription_items
  (account, livemode, subscription_id, id, position, price_id, product_id, quantity, metered, currency, unit_amount,
   interval, interval_count, current_period_start, current_period_end)
select
  ?1 ->> '$.subscription.account', ?1 ->> '$.subscription.livemode', ?1 ->> '$.subscription.id', value ->> '$.id',
  value ->> '$.position', value ->> '$.price_id', value ->> '$.product_id', value ->> '$.quantity',
  value ->> '$.metered', value ->> '$.currency', value ->> '$.unit_amount', value ->> '$.interval',
  value ->> '$.interval_count', value ->> '$.current_period_start', value ->> '$.current_period_end'
from json_each(?1, '$.subscription.items')
where true
on conflict (account, livemode, subscription_id, id) do update
set position = excluded.position, price_id = excluded.price_id, product_id = excluded.product_id,
    quantity = excluded.quantity, metered = excluded.metered, currency = excluded.currency,
    unit_amount = excluded.unit_amount, interval = excluded.interval, interval_count = excluded.interval_count,
    current_period_start = excluded.current_period_start, current_period_end = excluded.current_period_end
