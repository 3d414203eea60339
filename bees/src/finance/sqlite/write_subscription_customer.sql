-- Whose subscription it is, unless newer is stored.
update stripe_subscriptions
set customer_version = ?1 ->> '$.subscription.customer_version', customer_id = ?1 ->> '$.subscription.customer_id',
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode' and id = ?1 ->> '$.subscription.id'
  and customer_version < ?1 ->> '$.subscription.customer_version'
