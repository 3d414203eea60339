-- Deletes the items that are older than the newest change that shows all. ?1: the change.
delete from stripe_subscription_items
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode'
  and subscription_id = ?1 ->> '$.subscription.id'
  and version < (
    select s.items_version
    from stripe_subscriptions as s
    where s.account = ?1 ->> '$.subscription.account' and s.livemode = ?1 ->> '$.subscription.livemode'
      and s.id = ?1 ->> '$.subscription.id'
  )
