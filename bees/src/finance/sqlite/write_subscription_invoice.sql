-- What became of its newest invoice, unless newer is stored.
update stripe_subscriptions
set invoice_version = ?1 ->> '$.subscription.invoice_version',
    last_invoice_id = ?1 ->> '$.subscription.last_invoice_id',
    last_invoice_outcome = ?1 ->> '$.subscription.last_invoice_outcome',
    last_invoice_amount_due = ?1 ->> '$.subscription.last_invoice_amount_due',
    last_invoice_amount_paid = ?1 ->> '$.subscription.last_invoice_amount_paid',
    last_invoice_currency = ?1 ->> '$.subscription.last_invoice_currency',
    last_invoice_at = ?1 ->> '$.subscription.last_invoice_at', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode' and id = ?1 ->> '$.subscription.id'
  and invoice_version < ?1 ->> '$.subscription.invoice_version'
