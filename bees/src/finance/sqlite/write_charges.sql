-- The row of one of Stripe's charges, unless newer is stored. ?1: the change.
insert into stripe_charges
  (
   account, livemode, id, state_version, order_uncertain, order_open, status, customer_id, payment_id, invoice_id,
   amount, amount_captured, amount_refunded, currency, paid, refunded, disputed, failure_code, created, metadata,
   metadata_user_id
  )
values (
  ?1 ->> '$.object.account', ?1 ->> '$.object.livemode', ?1 ->> '$.object.id', ?1 ->> '$.object.state_version',
  ?1 ->> '$.object.order_uncertain', ?1 ->> '$.object.order_open', ?1 ->> '$.object.status',
  ?1 ->> '$.object.customer_id', ?1 ->> '$.object.payment_id', ?1 ->> '$.object.invoice_id',
  ?1 ->> '$.object.amount', ?1 ->> '$.object.amount_captured', ?1 ->> '$.object.amount_refunded',
  ?1 ->> '$.object.currency', ?1 ->> '$.object.paid', ?1 ->> '$.object.refunded', ?1 ->> '$.object.disputed',
  ?1 ->> '$.object.failure_code', ?1 ->> '$.object.created', ?1 -> '$.object.metadata',
  ?1 ->> '$.object.metadata_user_id'
)
on conflict (account, livemode, id) do update
set
    state_version = excluded.state_version, order_uncertain = excluded.order_uncertain,
    order_open = excluded.order_open, status = excluded.status, customer_id = excluded.customer_id,
    payment_id = excluded.payment_id, amount = excluded.amount,
    amount_captured = excluded.amount_captured, amount_refunded = excluded.amount_refunded,
    currency = excluded.currency, paid = excluded.paid, refunded = excluded.refunded, disputed = excluded.disputed,
    failure_code = excluded.failure_code, created = excluded.created, metadata = excluded.metadata,
    metadata_user_id = excluded.metadata_user_id, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where state_version < excluded.state_version
