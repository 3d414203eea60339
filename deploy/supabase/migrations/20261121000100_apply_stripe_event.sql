-- Takes in one event: all of it, or, on an error, nothing.
--
-- `change` is the JSON document that the finance bee makes of a Stripe event:
--   {"event": {…}, "customer": {…} or null, "subscription": {…} or null}
-- with the columns of the three tables as names. It is a text, so that it arrives as it was sent whatever
-- encodes the call. The answer is {"outcome": …}:
--   applied     something changed
--   superseded  everything in it is older than what is stored
--   ignored     it names no customer and no subscription
--   duplicate   this event was taken in before
--   ready       `change` has no event: the caller may call, that is all
--
-- Races: two calls with one event meet at the primary key of stripe_events, and the second finds it taken.
-- Two events of one object meet at the object's row; each register's guard is evaluated again, on the row
-- as the first one left it. Rows are locked in one order (event, customer, subscription): no deadlock.

create or replace function public.apply_stripe_event(change text)
returns jsonb
language plpgsql
-- The caller's own rights, so that being able to call is not enough to write.
security invoker
-- Nothing in the function can be shadowed by a schema of the caller's.
set search_path = ''
as $$
declare
  document constant jsonb := change::jsonb;
  event public.stripe_events;
  customer public.stripe_customers;
  subscription public.stripe_subscriptions;
  rows_changed bigint;
  rows_changed_all bigint := 0;
begin
  if coalesce(jsonb_typeof(document -> 'event'), 'null') = 'null' then
    return jsonb_build_object('outcome', 'ready');
  end if;
  event := jsonb_populate_record(null::public.stripe_events, document -> 'event');
  event.outcome := 'ignored';

  insert into public.stripe_events
    (livemode, id, type, created, api_version, customer_id, subscription_id, outcome, reason, payload)
  values
    (event.livemode, event.id, event.type, event.created, event.api_version, event.customer_id,
     event.subscription_id, event.outcome, event.reason, event.payload)
  on conflict (livemode, id) do nothing;
  if not found then
    return jsonb_build_object('outcome', 'duplicate');
  end if;

  if jsonb_typeof(document -> 'customer') = 'object' then
    customer := jsonb_populate_record(null::public.stripe_customers, document -> 'customer');

    insert into public.stripe_customers (livemode, id)
    values (customer.livemode, customer.id)
    on conflict (livemode, id) do nothing;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    update public.stripe_customers as stored
    set state_version = customer.state_version, email = customer.email, name = customer.name,
        metadata = customer.metadata, metadata_user_id = customer.metadata_user_id,
        deleted = customer.deleted, updated_at = now()
    where stored.livemode = customer.livemode and stored.id = customer.id
      and stored.state_version < customer.state_version;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    update public.stripe_customers as stored
    set checkout_version = customer.checkout_version, checkout_email = customer.checkout_email,
        checkout_name = customer.checkout_name, checkout_user_id = customer.checkout_user_id,
        updated_at = now()
    where stored.livemode = customer.livemode and stored.id = customer.id
      and stored.checkout_version < customer.checkout_version;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    -- An update that matched nothing, though nothing newer is stored, must not pass for success.
    perform from public.stripe_customers as stored
    where stored.livemode = customer.livemode and stored.id = customer.id
      and stored.state_version >= customer.state_version
      and stored.checkout_version >= customer.checkout_version;
    if not found then
      raise exception 'customer % was not written: a trigger or rule on public.stripe_customers drops writes',
        customer.id using errcode = 'PT409';
    end if;
  end if;

  if jsonb_typeof(document -> 'subscription') = 'object' then
    subscription := jsonb_populate_record(null::public.stripe_subscriptions, document -> 'subscription');

    insert into public.stripe_subscriptions (livemode, id)
    values (subscription.livemode, subscription.id)
    on conflict (livemode, id) do nothing;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    update public.stripe_subscriptions as stored
    set customer_version = subscription.customer_version, customer_id = subscription.customer_id,
        updated_at = now()
    where stored.livemode = subscription.livemode and stored.id = subscription.id
      and stored.customer_version < subscription.customer_version;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    update public.stripe_subscriptions as stored
    set state_version = subscription.state_version, status = subscription.status,
        price_id = subscription.price_id, product_id = subscription.product_id,
        quantity = subscription.quantity, currency = subscription.currency,
        current_period_start = subscription.current_period_start,
        current_period_end = subscription.current_period_end,
        cancel_at_period_end = subscription.cancel_at_period_end, cancel_at = subscription.cancel_at,
        canceled_at = subscription.canceled_at, ended_at = subscription.ended_at,
        trial_start = subscription.trial_start, trial_end = subscription.trial_end,
        metadata = subscription.metadata, metadata_user_id = subscription.metadata_user_id,
        updated_at = now()
    where stored.livemode = subscription.livemode and stored.id = subscription.id
      and stored.state_version < subscription.state_version;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    update public.stripe_subscriptions as stored
    set checkout_version = subscription.checkout_version,
        checkout_session_id = subscription.checkout_session_id,
        checkout_user_id = subscription.checkout_user_id, updated_at = now()
    where stored.livemode = subscription.livemode and stored.id = subscription.id
      and stored.checkout_version < subscription.checkout_version;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    update public.stripe_subscriptions as stored
    set invoice_version = subscription.invoice_version, last_invoice_id = subscription.last_invoice_id,
        last_invoice_outcome = subscription.last_invoice_outcome,
        last_invoice_amount_due = subscription.last_invoice_amount_due,
        last_invoice_amount_paid = subscription.last_invoice_amount_paid,
        last_invoice_currency = subscription.last_invoice_currency,
        last_invoice_at = subscription.last_invoice_at, updated_at = now()
    where stored.livemode = subscription.livemode and stored.id = subscription.id
      and stored.invoice_version < subscription.invoice_version;
    get diagnostics rows_changed = row_count;
    rows_changed_all := rows_changed_all + rows_changed;

    perform from public.stripe_subscriptions as stored
    where stored.livemode = subscription.livemode and stored.id = subscription.id
      and stored.customer_version >= subscription.customer_version
      and stored.state_version >= subscription.state_version
      and stored.checkout_version >= subscription.checkout_version
      and stored.invoice_version >= subscription.invoice_version;
    if not found then
      raise exception 'subscription % was not written: a trigger or rule on public.stripe_subscriptions drops writes',
        subscription.id using errcode = 'PT409';
    end if;
  end if;

  if customer.id is null and subscription.id is null then
    return jsonb_build_object('outcome', 'ignored');
  end if;
  event.outcome := case when rows_changed_all > 0 then 'applied' else 'superseded' end;
  update public.stripe_events as stored
  set outcome = event.outcome
  where stored.livemode = event.livemode and stored.id = event.id;
  return jsonb_build_object('outcome', event.outcome);
end
$$;

comment on function public.apply_stripe_event(text) is 'Takes in one Stripe event; called by the finance bee.';

revoke all on function public.apply_stripe_event(text) from public;

do $$
declare
  api_role text;
begin
  foreach api_role in array array['anon', 'authenticated'] loop
    if exists (select from pg_catalog.pg_roles where rolname = api_role) then
      execute format('revoke all on function public.apply_stripe_event(text) from %I', api_role);
    end if;
  end loop;
  if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
    grant execute on function public.apply_stripe_event(text) to service_role;
  end if;
end
$$;

-- PostgREST learns of the new function at once, not at its next restart.
notify pgrst, 'reload schema';
