-- The invoice and the account that is the customer, which never change, and which some versions of Stripe's API leave out.
-- ?1: the change.
update stripe_payments
set invoice_id = coalesce(max(invoice_id, ?1 ->> '$.object.invoice_id'), invoice_id, ?1 ->> '$.object.invoice_id'),
    customer_account = coalesce(
      max(customer_account, ?1 ->> '$.object.customer_account'), customer_account, ?1 ->> '$.object.customer_account'
    ),
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.object.account' and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
  and (ifnull(invoice_id, '') < ?1 ->> '$.object.invoice_id'
    or ifnull(customer_account, '') < ?1 ->> '$.object.customer_account')
