-- What customer.* events show, unless newer is stored.
update stripe_customers
set state_version = ?1 ->> '$.customer.state_version', order_uncertain = ?1 ->> '$.customer.order_uncertain',
    order_open = ?1 ->> '$.customer.order_open',
    email = ?1 ->> '$.customer.email',
    name = ?1 ->> '$.customer.name', metadata = ?1 -> '$.customer.metadata',
    metadata_user_id = ?1 ->> '$.customer.metadata_user_id', deleted = ?1 ->> '$.customer.deleted',
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.customer.account' and livemode = ?1 ->> '$.customer.livemode' and id = ?1 ->> '$.customer.id'
  and state_version < ?1 ->> '$.customer.state_version'
