-- The newest change that shows all items. ?1: the change.
update stripe_subscriptions
set items_version = ?1 ->> '$.subscription.items_version', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode'
  and id = ?1 ->> '$.subscription.id'
  and items_version < ?1 ->> '$.subscription.items_version'
