-- Deletes the items that the subscription no longer has. ?1: the change.
delete from stripe_subscription_items
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode'
  and subscription_id = ?1 ->> '$.subscription.id'
  and id not in (select value ->> '$.id' from json_each(?1, '$.subscription.items'))
