-- What the customer entered at a checkout, unless newer is stored.
update stripe_customers
set checkout_version = ?1 ->> '$.customer.checkout_version', checkout_email = ?1 ->> '$.customer.checkout_email',
    checkout_name = ?1 ->> '$.customer.checkout_name', checkout_user_id = ?1 ->> '$.customer.checkout_user_id',
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.customer.account' and livemode = ?1 ->> '$.customer.livemode' and id = ?1 ->> '$.customer.id'
  and checkout_version < ?1 ->> '$.customer.checkout_version'
