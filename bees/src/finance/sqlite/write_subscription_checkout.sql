-- The checkout that it came from, unless newer is stored.
update stripe_subscriptions
set checkout_version = ?1 ->> '$.subscription.checkout_version',
    checkout_session_id = ?1 ->> '$.subscription.checkout_session_id',
    checkout_user_id = ?1 ->> '$.subscription.checkout_user_id', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode' and id = ?1 ->> '$.subscription.id'
  and checkout_version < ?1 ->> '$.subscription.checkout_version'
