-- The invoice, which never changes, and which some versions of Stripe's API leave out. ?1: the change.
update stripe_charges
set invoice_id = ?1 ->> '$.object.invoice_id', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ')
where account = ?1 ->> '$.object.account' and livemode = ?1 ->> '$.object.livemode' and id = ?1 ->> '$.object.id'
  and ifnull(invoice_id, '') < ?1 ->> '$.object.invoice_id'
