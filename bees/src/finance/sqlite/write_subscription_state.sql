-- What customer.subscription.* events show, unless newer is stored.
update stripe_subscriptions
set state_version = ?1 ->> '$.subscription.state_version',
    order_uncertain = ?1 ->> '$.subscription.order_uncertain', order_open = ?1 ->> '$.subscription.order_open',
    status = ?1 ->> '$.subscription.status',
    price_id = ?1 ->> '$.subscription.price_id', product_id = ?1 ->> '$.subscription.product_id',
    quantity = ?1 ->> '$.subscription.quantity', currency = ?1 ->> '$.subscription.currency',
    current_period_start = ?1 ->> '$.subscription.current_period_start',
    current_period_end = ?1 ->> '$.subscription.current_period_end',
    cancel_at_period_end = ?1 ->> '$.subscription.cancel_at_period_end',
    cancel_at = ?1 ->> '$.subscription.cancel_at', canceled_at = ?1 ->> '$.subscription.canceled_at',
    ended_at = ?1 ->> '$.subscription.ended_at', trial_start = ?1 ->> '$.subscription.trial_start',
    trial_end = ?1 ->> '$.subscription.trial_end',
    pause_collection_behavior = ?1 ->> '$.subscription.pause_collection_behavior',
    pause_collection_resumes_at = ?1 ->> '$.subscription.pause_collection_resumes_at', metadata = ?1 -> '$.subscription.metadata',
    metadata_user_id = ?1 ->> '$.subscription.metadata_user_id', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode' and id = ?1 ->> '$.subscription.id'
  and state_version < ?1 ->> '$.subscription.state_version'
