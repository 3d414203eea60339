-- The account that is the customer, which never changes, and which some versions of Stripe's API leave out. ?1: the change.
update stripe_subscriptions
set customer_account = ?1 ->> '$.subscription.customer_account', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode'
  and id = ?1 ->> '$.subscription.id'
  and ifnull(customer_account, '') < ?1 ->> '$.subscription.customer_account'
