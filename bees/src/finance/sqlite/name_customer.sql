-- Makes sure that there is a row for the customer. ?1: the change.
insert into stripe_customers (account, livemode, id)
values (?1 ->> '$.customer.account', ?1 ->> '$.customer.livemode', ?1 ->> '$.customer.id')
on conflict (account, livemode, id) do nothing
