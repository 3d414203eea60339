-- Subscriptions by id, with all columns and their items, these as JSON text. ?1: the account. ?2: livemode. ?3: the ids,
-- as a JSON list.
select s.*, (
  select json_group_array(json_object(
    'id', i.id, 'version', i.version, 'position', i.position, 'price_id', i.price_id, 'product_id', i.product_id, 'quantity', i.quantity,
    'metered', i.metered, 'currency', i.currency, 'unit_amount', i.unit_amount, 'interval', i.interval,
    'interval_count', i.interval_count, 'current_period_start', i.current_period_start,
    'current_period_end', i.current_period_end
  ) order by i.position)
  from stripe_subscription_items as i
  where i.account = s.account and i.livemode = s.livemode and i.subscription_id = s.id
) as items
from stripe_subscriptions as s
where s.account = ?1 and s.livemode = ?2 and s.id in (select value from json_each(?3))
order by s.id
