-- The row of one of Stripe's checkouts, unless newer is stored. ?1: the change.
insert into stripe_checkouts
  (
   account, livemode, id, state_version, order_uncertain, order_open, status, payment_status, mode, customer_id,
   subscription_id, payment_id, invoice_id, amount_total, currency, email, created, client_reference_id, metadata,
   metadata_user_id
  )
values (
  ?1 ->> '$.object.account', ?1 ->> '$.object.livemode', ?1 ->> '$.object.id', ?1 ->> '$.object.state_version',
  ?1 ->> '$.object.order_uncertain', ?1 ->> '$.object.order_open', ?1 ->> '$.object.status',
  ?1 ->> '$.object.payment_status', ?1 ->> '$.object.mode', ?1 ->> '$.object.customer_id',
  ?1 ->> '$.object.subscription_id', ?1 ->> '$.object.payment_id', ?1 ->> '$.object.invoice_id',
  ?1 ->> '$.object.amount_total', ?1 ->> '$.object.currency', ?1 ->> '$.object.email', ?1 ->> '$.object.created',
  ?1 ->> '$.object.client_reference_id', ?1 -> '$.object.metadata', ?1 ->> '$.object.metadata_user_id'
)
on conflict (account, livemode, id) do update
set
    state_version = excluded.state_version, order_uncertain = excluded.order_uncertain,
    order_open = excluded.order_open, status = excluded.status, payment_status = excluded.payment_status,
    mode = excluded.mode, customer_id = excluded.customer_id, subscription_id = excluded.subscription_id,
    payment_id = excluded.payment_id, amount_total = excluded.amount_total,
    currency = excluded.currency, email = excluded.email, created = excluded.created,
    client_reference_id = excluded.client_reference_id, metadata = excluded.metadata,
    metadata_user_id = excluded.metadata_user_id, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where state_version < excluded.state_version
