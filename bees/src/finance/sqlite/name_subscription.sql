-- Makes sure that there is a row for the subscription. ?1: the change.
insert into stripe_subscriptions (account, livemode, id)
values (?1 ->> '$.subscription.account', ?1 ->> '$.subscription.livemode', ?1 ->> '$.subscription.id')
on conflict (account, livemode, id) do nothing
