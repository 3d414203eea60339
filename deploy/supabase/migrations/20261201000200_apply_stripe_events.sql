-- Takes in many events in one call and one transaction.
--
-- `changes` is a JSON list of the documents that the finance bee makes of Stripe's events:
--   {"event": {…}, "customer": {…}, "subscription": {…, "items": […]}, "object": {"table": "invoices", …}}
-- of which only the event must be there. Names are those of the columns. It is a text, so that it arrives as it was
-- sent whatever encodes the call. The answer is a list with one object for each, in order, {"outcome": …}:
--   applied     something changed
--   superseded  everything in it is older than what is stored
--   ignored     it says nothing that is kept
--   duplicate   this event was taken in before
--   tie         other events of this object bear the same second: they come along ("events", with the stored
--               "version", and "more" if not all of them do), nothing was written; the caller decides and calls again
--               with the version after that
--   again       the same, but the answer has no room for these events; nothing was written, the caller calls again
--   refused     the database refuses this one ("code", "message"), and no other because of it
-- An empty list writes nothing: [{"outcome": "ready", "encoding": …, "uncertain": …, "incomplete": …}].
--
-- Races: two calls with one event meet at the primary key of stripe_events, and the second finds it taken. Two events
-- of one object meet at the object's row: the version's guard is evaluated again, on the row as the first one left it,
-- and only a greater version is written. A decision on a tie raises the version by one, so of two that were made at
-- the same time one is written, and the other is told of the new tie. Rows are locked in one order (tables as they
-- come below, and keys in theirs): no deadlock. Events that are tried one by one lock them in another order, so they wait
-- until no other call runs, and let none begin.

-- Takes in some events, all or none. `apply_stripe_events` calls it.
create or replace function public.stripe_apply_batch(documents jsonb)
returns jsonb
language plpgsql
-- The caller's own rights, so that being able to call is not enough to write.
security invoker
-- Nothing in the function can be shadowed by a schema of the caller's.
set search_path = ''
as $$
declare
  -- Numbers of the documents whose event is new. From here on a change is named by its place among these.
  fresh bigint[];
  -- Without the events' bytes, which only the last step needs.
  changes jsonb;
  customers public.stripe_customers[];
  subscriptions public.stripe_subscriptions[];
  -- Places that were written somewhere, and those that one statement wrote or inserted.
  applied bigint[] := '{}';
  written bigint[];
  inserted bigint[];
  -- Stored versions by place, and outcomes by number.
  ties jsonb := '{}';
  outcomes jsonb;
  object_table text;
  -- Answers to ties, by place, and the bytes of the events in them.
  tied jsonb[];
  tie_place int;
  tie_events jsonb;
  tie_answer jsonb;
  tie_bytes bigint := 0;
begin
  lock table public.stripe_events in row exclusive mode;

  select coalesce(array_agg(number order by number), '{}') into fresh
  from (
    select distinct on (e.account, e.livemode, e.id) e.number
    from (
      select c.number, c.change #>> '{event,account}' as account, c.change #>> '{event,id}' as id,
        (c.change #>> '{event,livemode}')::boolean as livemode
      from jsonb_array_elements(documents) with ordinality as c (change, number)
    ) as e
    where not exists (
      select from public.stripe_events as s where s.account = e.account and s.livemode = e.livemode and s.id = e.id
    )
    order by e.account, e.livemode, e.id, e.number
  ) as new_ones;

  select
    coalesce(jsonb_agg(c.change #- '{event,payload}' order by c.place), '[]'),
    array_agg(jsonb_populate_record(null::public.stripe_customers, c.change -> 'customer') order by c.place),
    array_agg(jsonb_populate_record(null::public.stripe_subscriptions, c.change -> 'subscription') order by c.place)
  into changes, customers, subscriptions
  from (
    select documents -> (number - 1)::int as change, place from unnest(fresh) with ordinality as f (number, place)
  ) as c;

  -- A row that is new is written whole; the registers' own statements find nothing to do then.
  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(customers) with ordinality as r
    where r.id is not null
    order by r.account, r.livemode, r.id, r.state_version desc
  ), done as (
    insert into public.stripe_customers (
      account, livemode, id, state_version, order_uncertain, order_open, email, name, metadata, metadata_user_id,
      deleted, checkout_version, checkout_email, checkout_name, checkout_user_id
    )
    select
      account, livemode, id, state_version, order_uncertain, order_open, email, name, metadata, metadata_user_id,
      deleted, checkout_version, checkout_email, checkout_name, checkout_user_id
    from incoming
    on conflict (account, livemode, id) do nothing
    returning account, livemode, id
  )
  select coalesce(array_agg(ordinality), '{}') into inserted from incoming join done using (account, livemode, id);
  applied := array(
    select r.ordinality from unnest(customers) with ordinality as r
    where r.ordinality in (select unnest(inserted)) and (r.state_version <> '' or r.checkout_version <> '')
  );

  -- Locked in the order of keys, because an update alone would lock in any order; not the keys themselves, which
  -- references of other calls read.
  perform from public.stripe_customers as stored
  join (
    select distinct r.account, r.livemode, r.id from unnest(customers) as r
    where r.state_version <> '' or r.checkout_version <> ''
  ) as r using (account, livemode, id)
  order by account, livemode, id
  for no key update of stored;

  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(customers) with ordinality as r
    where r.state_version <> ''
    order by r.account, r.livemode, r.id, r.state_version desc
  ), done as (
    update public.stripe_customers as stored
    set state_version = i.state_version, order_uncertain = i.order_uncertain, order_open = i.order_open,
        email = i.email, name = i.name, metadata = i.metadata, metadata_user_id = i.metadata_user_id,
        deleted = i.deleted, updated_at = now()
    from incoming as i
    where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
      and stored.state_version < i.state_version
    returning i.ordinality
  )
  select coalesce(array_agg(ordinality), '{}') into written from done;
  applied := applied || written;
  ties := ties || public.stripe_ties(
    changes,
    array(
      select r.ordinality from unnest(customers) with ordinality as r where r.state_version <> ''
      except select unnest(written || inserted)
    ),
    'customer', 'stripe_customers'
  );

  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(customers) with ordinality as r
    where r.checkout_version <> ''
    order by r.account, r.livemode, r.id, r.checkout_version desc
  ), done as (
    update public.stripe_customers as stored
    set checkout_version = i.checkout_version, checkout_email = i.checkout_email, checkout_name = i.checkout_name,
        checkout_user_id = i.checkout_user_id, updated_at = now()
    from incoming as i
    where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
      and stored.checkout_version < i.checkout_version
    returning i.ordinality
  )
  select coalesce(array_agg(ordinality), '{}') into written from done;
  applied := applied || written;

  -- Before any row refers to them.
  perform public.stripe_check_written(customers, null);

  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(subscriptions) with ordinality as r
    where r.id is not null
    order by r.account, r.livemode, r.id, r.state_version desc
  ), done as (
    insert into public.stripe_subscriptions (
      account, livemode, id, customer_version, customer_id, state_version, order_uncertain, order_open, status,
      customer_account, price_id, product_id, quantity, currency, current_period_start, current_period_end,
      cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start, trial_end, pause_collection_behavior,
      pause_collection_resumes_at, metadata, metadata_user_id, items_version, checkout_version, checkout_session_id,
      checkout_user_id, invoice_version, last_invoice_id, last_invoice_outcome, last_invoice_amount_due,
      last_invoice_amount_paid, last_invoice_currency, last_invoice_at
    )
    select
      account, livemode, id, customer_version, customer_id, state_version, order_uncertain, order_open, status,
      customer_account, price_id, product_id, quantity, currency, current_period_start, current_period_end,
      cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start, trial_end, pause_collection_behavior,
      pause_collection_resumes_at, metadata, metadata_user_id, items_version, checkout_version, checkout_session_id,
      checkout_user_id, invoice_version, last_invoice_id, last_invoice_outcome, last_invoice_amount_due,
      last_invoice_amount_paid, last_invoice_currency, last_invoice_at
    from incoming
    on conflict (account, livemode, id) do nothing
    returning account, livemode, id
  )
  select coalesce(array_agg(ordinality), '{}') into inserted from incoming join done using (account, livemode, id);
  applied := applied || inserted;

  perform from public.stripe_subscriptions as stored
  join (
    select distinct r.account, r.livemode, r.id from unnest(subscriptions) as r where r.id is not null
  ) as r using (account, livemode, id)
  order by account, livemode, id
  for no key update of stored;

  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(subscriptions) with ordinality as r
    where r.state_version <> ''
    order by r.account, r.livemode, r.id, r.state_version desc
  ), done as (
    update public.stripe_subscriptions as stored
    set state_version = i.state_version, order_uncertain = i.order_uncertain, order_open = i.order_open,
        status = i.status, price_id = i.price_id, product_id = i.product_id,
        quantity = i.quantity, currency = i.currency, current_period_start = i.current_period_start,
        current_period_end = i.current_period_end, cancel_at_period_end = i.cancel_at_period_end,
        cancel_at = i.cancel_at, canceled_at = i.canceled_at, ended_at = i.ended_at, trial_start = i.trial_start,
        trial_end = i.trial_end, pause_collection_behavior = i.pause_collection_behavior,
        pause_collection_resumes_at = i.pause_collection_resumes_at, metadata = i.metadata,
        metadata_user_id = i.metadata_user_id, items_version = greatest(stored.items_version, i.items_version),
        customer_version = greatest(stored.customer_version, i.customer_version),
        customer_id = case
          when stored.customer_version < i.customer_version then i.customer_id else stored.customer_id
        end, updated_at = now()
    from incoming as i
    where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
      and stored.state_version < i.state_version
    returning i.ordinality
  )
  select coalesce(array_agg(ordinality), '{}') into written from done;
  applied := applied || written;
  ties := ties || public.stripe_ties(
    changes,
    array(
      select r.ordinality from unnest(subscriptions) with ordinality as r where r.state_version <> ''
      except select unnest(written || inserted)
    ),
    'subscription', 'stripe_subscriptions'
  );
  -- Older changes that show all items, where the stored state does not.
  update public.stripe_subscriptions as stored set items_version = i.items_version, updated_at = now()
  from (
    select r.account, r.livemode, r.id, max(r.items_version) as items_version
    from unnest(subscriptions) with ordinality as r
    where r.items_version <> '' and r.ordinality <> all (written || inserted) and not ties ? r.ordinality::text
    group by r.account, r.livemode, r.id
  ) as i
  where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
    and stored.items_version < i.items_version;
  perform public.stripe_write_items(
    changes,
    array(
      select r.ordinality from unnest(subscriptions) with ordinality as r
      where r.state_version <> '' and not ties ? r.ordinality::text
    )
  );
  perform public.stripe_write_constant(changes, 'subscription', 'subscriptions', 'customer_account');

  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(subscriptions) with ordinality as r
    where r.checkout_version <> ''
    order by r.account, r.livemode, r.id, r.checkout_version desc
  ), done as (
    update public.stripe_subscriptions as stored
    set checkout_version = i.checkout_version, checkout_session_id = i.checkout_session_id,
        checkout_user_id = i.checkout_user_id,
        customer_version = greatest(stored.customer_version, i.customer_version),
        customer_id = case
          when stored.customer_version < i.customer_version then i.customer_id else stored.customer_id
        end, updated_at = now()
    from incoming as i
    where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
      and stored.checkout_version < i.checkout_version
    returning i.ordinality
  )
  select coalesce(array_agg(ordinality), '{}') into written from done;
  applied := applied || written;

  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(subscriptions) with ordinality as r
    where r.invoice_version <> ''
    order by r.account, r.livemode, r.id, r.invoice_version desc
  ), done as (
    update public.stripe_subscriptions as stored
    set invoice_version = i.invoice_version, last_invoice_id = i.last_invoice_id,
        last_invoice_outcome = i.last_invoice_outcome, last_invoice_amount_due = i.last_invoice_amount_due,
        last_invoice_amount_paid = i.last_invoice_amount_paid, last_invoice_currency = i.last_invoice_currency,
        last_invoice_at = i.last_invoice_at,
        customer_version = greatest(stored.customer_version, i.customer_version),
        customer_id = case
          when stored.customer_version < i.customer_version then i.customer_id else stored.customer_id
        end, updated_at = now()
    from incoming as i
    where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
      and stored.invoice_version < i.invoice_version
    returning i.ordinality
  )
  select coalesce(array_agg(ordinality), '{}') into written from done;
  applied := applied || written;

  -- What no other register has told of the customer already.
  with incoming as (
    select distinct on (r.account, r.livemode, r.id) r.*
    from unnest(subscriptions) with ordinality as r
    where r.customer_version <> ''
    order by r.account, r.livemode, r.id, r.customer_version desc
  ), done as (
    update public.stripe_subscriptions as stored
    set customer_version = i.customer_version, customer_id = i.customer_id, updated_at = now()
    from incoming as i
    where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
      and stored.customer_version < i.customer_version
    returning i.ordinality
  )
  select coalesce(array_agg(ordinality), '{}') into written from done;

  perform public.stripe_check_written(null, subscriptions);

  for object_table in
    select distinct change #>> '{object,table}' from jsonb_array_elements(changes) as c (change)
    where change #>> '{object,table}' in (
      'payments', 'charges', 'checkouts', 'refunds', 'disputes', 'invoices', 'schedules'
    )
    order by 1
  loop
    written := public.stripe_write_objects(changes, object_table);
    applied := applied || written;
    ties := ties || public.stripe_ties(
      changes,
      array(
        select c.place from jsonb_array_elements(changes) with ordinality as c (change, place)
        where c.change #>> '{object,table}' = object_table
        except select unnest(written)
      ),
      'object', 'stripe_' || object_table
    );
  end loop;

  with incoming as (
    select f.number, f.place, e.*,
      documents -> (f.number - 1)::int ?| array['customer', 'subscription', 'object'] as has_parts
    from unnest(fresh) with ordinality as f (number, place)
    cross join lateral
      jsonb_populate_record(null::public.stripe_events, documents -> (f.number - 1)::int -> 'event') as e
    where not ties ? f.place::text
  ), done as (
    insert into public.stripe_events
      (account, livemode, id, type, created, api_version, object_type, object_id, customer_id, subscription_id,
       outcome, reason, payload)
    select account, livemode, id, type, created, api_version, object_type, object_id, customer_id, subscription_id,
      case
        when place in (select unnest(applied)) then 'applied'
        when has_parts then 'superseded'
        else 'ignored'
      end,
      reason, payload
    from incoming
    order by account, livemode, id
    on conflict (account, livemode, id) do nothing
    returning account, livemode, id, outcome
  )
  select coalesce(jsonb_object_agg(number, done.outcome), '{}') into outcomes
  from incoming join done using (account, livemode, id);

  if (select count(*) from jsonb_object_keys(outcomes)) + (select count(*) from jsonb_object_keys(ties))
    < cardinality(fresh)
  then
    perform public.stripe_check_recorded(changes, ties);
  end if;

  -- One after another: the events of a tie for which the answer has no room are not read.
  tied := array_fill(null::jsonb, array[cardinality(fresh)]);
  for tie_place in select key::int from jsonb_object_keys(ties) as t (key) order by 1 loop
    tie_answer := '{"outcome": "again"}';
    if tie_bytes <= 6291456 then
      tie_events := public.stripe_events_of(changes -> (tie_place - 1) -> 'event', ties ->> tie_place::text);
      tie_bytes := tie_bytes
        + (select coalesce(sum(octet_length(e)), 0) from jsonb_array_elements_text(tie_events -> 'events') as e);
      if tie_bytes <= 6291456 then
        tie_answer := jsonb_build_object('outcome', 'tie', 'version', ties ->> tie_place::text) || tie_events;
      end if;
    end if;
    tied[tie_place] := tie_answer;
  end loop;

  return (
    select jsonb_agg(
      coalesce(f.answer, jsonb_build_object('outcome', coalesce(outcomes ->> c.number::text, 'duplicate')))
      order by c.number
    )
    from generate_series(1, jsonb_array_length(documents)) as c (number)
    left join unnest(fresh, tied) as f (number, answer) using (number)
  );
end
$$;

create or replace function public.apply_stripe_events(changes text)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  documents constant jsonb := changes::jsonb;
  document jsonb;
  answers jsonb := '[]';
  answer jsonb;
  bytes bigint := 0;
  uncertain bigint;
begin
  if jsonb_array_length(documents) = 0 then
    select count(*) into uncertain
    from (
      select from public.stripe_customers where order_uncertain
      union all select from public.stripe_subscriptions where order_uncertain
      union all select from public.stripe_payments where order_uncertain
      union all select from public.stripe_charges where order_uncertain
      union all select from public.stripe_checkouts where order_uncertain
      union all select from public.stripe_refunds where order_uncertain
      union all select from public.stripe_disputes where order_uncertain
      union all select from public.stripe_invoices where order_uncertain
      union all select from public.stripe_schedules where order_uncertain
    ) as rows;
    perform from public.stripe_events where false;
    perform from public.stripe_subscription_items where false;
    return jsonb_build_array(jsonb_build_object(
      'outcome', 'ready', 'encoding', current_setting('server_encoding'), 'uncertain', uncertain,
      'incomplete', (select count(*) from public.stripe_subscriptions where items_incomplete)
    ));
  end if;

  begin
    return public.stripe_apply_batch(documents);
  exception when others then
    -- Only what can be the fault of one event is looked for in each; all else holds for every one of them.
    if jsonb_array_length(documents) = 1 or left(sqlstate, 2) not in ('22', '23', '44', '54', 'P0', 'PT') then
      raise;
    end if;
  end;
  -- Waits for the calls that run, and keeps others waiting: each event locks rows of its own, in no common order.
  lock table public.stripe_events in share row exclusive mode;
  for document in
    select change from jsonb_array_elements(documents) with ordinality as c (change, number) order by number
  loop
    if bytes > 6291456 then
      answers := answers || jsonb_build_object('outcome', 'again');
      continue;
    end if;
    begin
      answer := public.stripe_apply_batch(jsonb_build_array(document));
      bytes := bytes + coalesce(octet_length((answer -> 0 -> 'events')::text), 0);
      answers := answers || answer;
    exception when others then
      if left(sqlstate, 2) not in ('22', '23', '44', '54', 'P0', 'PT') then
        raise;
      end if;
      answers := answers || jsonb_build_object('outcome', 'refused', 'code', sqlstate, 'message', sqlerrm);
    end;
  end loop;
  return answers;
end
$$;

comment on function public.apply_stripe_events(text) is 'Takes in Stripe events; called by the finance bee.';

-- The function for one event, of before.
drop function if exists public.apply_stripe_event(text);

do $$
declare
  api_role text;
  name text;
begin
  foreach name in array array[
    'apply_stripe_events(text)', 'stripe_apply_batch(jsonb)', 'stripe_write_objects(jsonb, text)',
    'stripe_ties(jsonb, bigint[], text, text)', 'stripe_write_items(jsonb, bigint[])',
    'stripe_write_constant(jsonb, text, text, text)',
    'stripe_check_written(public.stripe_customers[], public.stripe_subscriptions[])',
    'stripe_check_recorded(jsonb, jsonb)', 'stripe_events_of(jsonb, text)'
  ] loop
    execute format('revoke all on function public.%s from public', name);
    foreach api_role in array array['anon', 'authenticated'] loop
      if exists (select from pg_catalog.pg_roles where rolname = api_role) then
        execute format('revoke all on function public.%s from %I', name, api_role);
      end if;
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
      execute format('grant execute on function public.%s to service_role', name);
    end if;
  end loop;
end
$$;

-- PostgREST learns of the new function at once, not at its next restart.
notify pgrst, 'reload schema';
