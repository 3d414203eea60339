-- Number of the change's items that are not stored, and should be. ?1: the change.
select count(*)
from stripe_subscriptions as s, json_each(?1, '$.subscription.items')
where s.account = ?1 ->> '$.subscription.account' and s.livemode = ?1 ->> '$.subscription.livemode'
  and s.id = ?1 ->> '$.subscription.id' and value ->> '$.version' >= s.items_version
  and not exists (
    select 1
    from stripe_subscription_items as i
    where i.account = s.account and i.livemode = s.livemode and i.subscription_id = s.id and i.id = value ->> '$.id'
      and i.version >= value ->> '$.version'
  )
