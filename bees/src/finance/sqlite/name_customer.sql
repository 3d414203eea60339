-- Makes sure that there is a row for the customer.
insert into stripe_customers (livemode, id)
values (?1 ->> '$.customer.livemode', ?1 ->> '$.customer.id')
on conflict (livemode, id) do nothing
