-- The row of one of Stripe's payments, unless newer is stored. ?1: the change.
insert into stripe_payments
  (
   account, livemode, id, state_version, order_uncertain, order_open, status, customer_id, customer_account,
   invoice_id, latest_charge_id, amount, amount_received, currency, description, last_error_code, created,
   canceled_at, metadata, metadata_user_id
  )
values (
  ?1 ->> '$.object.account', ?1 ->> '$.object.livemode', ?1 ->> '$.object.id', ?1 ->> '$.object.state_version',
  ?1 ->> '$.object.order_uncertain', ?1 ->> '$.object.order_open', ?1 ->> '$.object.status',
  ?1 ->> '$.object.customer_id', ?1 ->> '$.object.customer_account', ?1 ->> '$.object.invoice_id',
  ?1 ->> '$.object.latest_charge_id', ?1 ->> '$.object.amount', ?1 ->> '$.object.amount_received',
  ?1 ->> '$.object.currency', ?1 ->> '$.object.description', ?1 ->> '$.object.last_error_code',
  ?1 ->> '$.object.created', ?1 ->> '$.object.canceled_at', ?1 -> '$.object.metadata',
  ?1 ->> '$.object.metadata_user_id'
)
on conflict (account, livemode, id) do update
set
    state_version = excluded.state_version, order_uncertain = excluded.order_uncertain,
    order_open = excluded.order_open, status = excluded.status, customer_id = excluded.customer_id,
    latest_charge_id = excluded.latest_charge_id, amount = excluded.amount,
    amount_received = excluded.amount_received, currency = excluded.currency, description = excluded.description,
    last_error_code = excluded.last_error_code, created = excluded.created, canceled_at = excluded.canceled_at,
    metadata = excluded.metadata, metadata_user_id = excluded.metadata_user_id,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where state_version < excluded.state_version
