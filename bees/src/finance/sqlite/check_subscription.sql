-- Whether the subscription is stored as the event shows it, or newer; see check_customer.sql.
select count(*)
from stripe_subscriptions
where account = ?1 ->> '$.subscription.account' and livemode = ?1 ->> '$.subscription.livemode' and id = ?1 ->> '$.subscription.id'
  and customer_version >= ?1 ->> '$.subscription.customer_version'
  and checkout_version >= ?1 ->> '$.subscription.checkout_version'
  and invoice_version >= ?1 ->> '$.subscription.invoice_version'
