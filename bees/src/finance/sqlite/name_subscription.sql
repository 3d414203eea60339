-- Makes sure that there is a row for the subscription.
insert into stripe_subscriptions (livemode, id)
values (?1 ->> '$.subscription.livemode', ?1 ->> '$.subscription.id')
on conflict (livemode, id) do nothing
