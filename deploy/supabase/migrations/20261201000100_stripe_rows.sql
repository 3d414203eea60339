-- The parts of `apply_stripe_events`, which is in the next file: rows of objects, items, ties and checks.

-- Writes a column that never changes once it is known, whichever of these changes is the newest. Their rows exist, and
-- are locked. Of several values, which Stripe does not send, the greatest counts.
create or replace function public.stripe_write_constant(changes jsonb, part text, table_name text, constant text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  known constant jsonb := (
    select jsonb_agg(c.change -> part) from jsonb_array_elements(changes) as c (change)
    where c.change #>> array[part, constant] is not null
      and (part <> 'object' or c.change #>> '{object,table}' = table_name)
  );
begin
  if known is null then
    return;
  end if;
  execute format(
    'update public.%1$I as stored set %2$I = i.value, updated_at = now()
     from (
       select r.account, r.livemode, r.id, max(r.%2$I) as value
       from jsonb_populate_recordset(null::public.%1$I, $1) as r group by 1, 2, 3
     ) as i
     where stored.account = i.account and stored.livemode = i.livemode and stored.id = i.id
       and (stored.%2$I is null or stored.%2$I < i.value)',
    'stripe_' || table_name, constant
  ) using known;
end
$$;

-- Writes the rows of one table of objects that are told by their own events alone. Returns the places of the changes
-- that were written. Of several changes of one object the greatest version counts. Columns that never change once they
-- are known, and that some versions of Stripe's API leave out, have no version: what is known stays.
create or replace function public.stripe_write_objects(changes jsonb, table_name text)
returns bigint[]
language plpgsql
security invoker
set search_path = ''
as $$
declare
  columns text;
  new_values text;
  constants text[];
  constant text;
  written bigint[];
begin
  -- Every change of a table has the same columns.
  select
    string_agg(quote_ident(key), ', ' order by key),
    string_agg(
      format(
        case when key in ('invoice_id', 'customer_account') then 'greatest(stored.%1$I, excluded.%1$I)' else 'excluded.%I' end,
        key
      ), ', ' order by key
    ),
    array_agg(key) filter (where key in ('invoice_id', 'customer_account'))
  into columns, new_values, constants
  from (
    select jsonb_object_keys(one.change -> 'object') as key
    from (
      select change from jsonb_array_elements(changes) as c (change)
      where change #>> '{object,table}' = table_name limit 1
    ) as one
  ) as keys
  where key <> 'table';
  if columns is null then
    return '{}';
  end if;
  execute format(
    'with incoming as (
       select distinct on (r.account, r.livemode, r.id) c.place, r.*
       from jsonb_array_elements($1) with ordinality as c (change, place)
       cross join lateral jsonb_populate_record(null::public.%1$I, c.change -> ''object'') as r
       where c.change #>> ''{object,table}'' = $2
       order by r.account, r.livemode, r.id, r.state_version desc
     ), written as (
       insert into public.%1$I as stored (%2$s)
       select %2$s from incoming
       on conflict (account, livemode, id) do update set (%2$s, updated_at) = row(%3$s, now())
       where stored.state_version < excluded.state_version
       returning stored.account, stored.livemode, stored.id
     )
     select coalesce(array_agg(place), ''{}'') from incoming join written using (account, livemode, id)',
    'stripe_' || table_name, columns, new_values
  ) using changes, table_name into written;
  foreach constant in array coalesce(constants, '{}') loop
    perform public.stripe_write_constant(changes, 'object', table_name, constant);
  end loop;
  return written;
end
$$;

-- Returns the ties among the changes that were not written, as {place: stored version}, and marks their rows: until the
-- caller's decision is written, an older event of the object is a tie as well, because the decision does not know it.
-- Raises an error for one that was not written though nothing newer is stored: it must not pass for success.
-- Race: an event that another call has recorded since this one began waits for no decision. It is no tie but a duplicate,
-- and leaves no mark, which nobody would clear.
create or replace function public.stripe_ties(changes jsonb, unwritten bigint[], part text, table_name text)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  found record;
  ties jsonb := '{}';
begin
  if cardinality(unwritten) = 0 then
    return ties;
  end if;
  for found in execute format(
    'select r.place, r.account, r.livemode, r.id, r.version, stored.state_version as stored, stored.order_open
     from (
       select place, change #>> array[$3, ''account''] as account,
         (change #>> array[$3, ''livemode''])::boolean as livemode, change #>> array[$3, ''id''] as id,
         change #>> array[$3, ''state_version''] as version, change #>> ''{event,account}'' as event_account,
         (change #>> ''{event,livemode}'')::boolean as event_livemode, change #>> ''{event,id}'' as event_id
       from jsonb_array_elements($1) with ordinality as c (change, place)
       where place = any ($2)
     ) as r
     left join public.%I as stored
       on stored.account = r.account and stored.livemode = r.livemode and stored.id = r.id
     where r.version <> '''' and (r.version collate "C" >= left(stored.state_version, -4)
       or stored.order_open or stored.id is null)
       and not exists (
         select from public.stripe_events as e
         where e.account = r.event_account and e.livemode = r.event_livemode and e.id = r.event_id
       )
     order by r.account, r.livemode, r.id',
    table_name
  ) using changes, unwritten, part
  loop
    if found.stored is null or found.stored collate "C" < found.version then
      raise exception '% % was not written: a trigger or rule on public.% drops writes', part, found.id, table_name
        using errcode = 'PT409';
    end if;
    -- The same finality and second; or an older event, which may tell more of an order that is open.
    if left(found.stored, -4) = left(found.version, -4) or found.order_open then
      ties := ties || jsonb_build_object(found.place::text, found.stored);
      if not found.order_open then
        execute format(
          'update public.%I set order_open = true where account = $1 and livemode = $2 and id = $3', table_name
        ) using found.account, found.livemode, found.id;
      end if;
    end if;
  end loop;
  return ties;
end
$$;

-- Writes the items that these changes show, and deletes those that are older than the newest change that shows all. The
-- subscriptions' rows are written, and locked.
create or replace function public.stripe_write_items(changes jsonb, places bigint[])
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  subscriptions jsonb;
  unwritten jsonb;
  dropped text;
begin
  select coalesce(jsonb_agg(changes -> (place - 1)::int -> 'subscription'), '[]') into subscriptions
  from unnest(places) as p (place);

  with incoming as (
    select distinct on (s.account, s.livemode, s.id, i.id)
      s.account, s.livemode, s.id as subscription_id, i.id, i.version, i.position, i.price_id, i.product_id, i.quantity,
      i.metered, i.currency, i.unit_amount, i."interval", i.interval_count, i.current_period_start, i.current_period_end
    from jsonb_array_elements(subscriptions) as c (change)
    join public.stripe_subscriptions as s
      on s.account = c.change ->> 'account' and s.livemode = (c.change ->> 'livemode')::boolean
      and s.id = c.change ->> 'id'
    cross join lateral jsonb_populate_recordset(null::public.stripe_subscription_items, c.change -> 'items') as i
    where i.version >= s.items_version
    order by s.account, s.livemode, s.id, i.id, i.version desc
  ), done as (
    insert into public.stripe_subscription_items as stored
      (account, livemode, subscription_id, id, version, position, price_id, product_id, quantity, metered, currency,
       unit_amount, "interval", interval_count, current_period_start, current_period_end)
    select * from incoming
    on conflict (account, livemode, subscription_id, id) do update
    set version = excluded.version, position = excluded.position, price_id = excluded.price_id,
        product_id = excluded.product_id, quantity = excluded.quantity, metered = excluded.metered,
        currency = excluded.currency, unit_amount = excluded.unit_amount, "interval" = excluded."interval",
        interval_count = excluded.interval_count, current_period_start = excluded.current_period_start,
        current_period_end = excluded.current_period_end
    where stored.version < excluded.version
    returning account, livemode, subscription_id, id
  )
  select coalesce(jsonb_agg(to_jsonb(i)), '[]') into unwritten
  from incoming as i left join done using (account, livemode, subscription_id, id)
  where done.id is null;

  -- Newer ones are stored, unless something keeps them from being written.
  select i.id into dropped
  from jsonb_populate_recordset(null::public.stripe_subscription_items, unwritten) as i
  left join public.stripe_subscription_items as stored using (account, livemode, subscription_id, id)
  where (stored.version >= i.version) is not true
  limit 1;
  if found then
    raise exception 'item % was not written: a trigger or rule on public.stripe_subscription_items drops writes', dropped
      using errcode = 'PT409';
  end if;

  delete from public.stripe_subscription_items as i
  using jsonb_array_elements(subscriptions) as c (change), public.stripe_subscriptions as s
  where s.account = c.change ->> 'account' and s.livemode = (c.change ->> 'livemode')::boolean
    and s.id = c.change ->> 'id'
    and i.account = s.account and i.livemode = s.livemode and i.subscription_id = s.id
    and i.version < s.items_version;
end
$$;

-- Raises an error if a register of a customer or subscription is older than what these changes write: its update
-- matched nothing, though nothing newer is stored.
create or replace function public.stripe_check_written(
  customers public.stripe_customers[], subscriptions public.stripe_subscriptions[]
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  dropped text;
begin
  select r.id into dropped
  from unnest(customers) as r
  left join public.stripe_customers as stored using (account, livemode, id)
  where r.id is not null and (stored.checkout_version >= r.checkout_version) is not true
  limit 1;
  if found then
    raise exception 'customer % was not written: a trigger or rule on public.stripe_customers drops writes', dropped
      using errcode = 'PT409';
  end if;

  select r.id into dropped
  from unnest(subscriptions) as r
  left join public.stripe_subscriptions as stored using (account, livemode, id)
  where r.id is not null and (
    stored.customer_version >= r.customer_version and stored.checkout_version >= r.checkout_version
    and stored.invoice_version >= r.invoice_version
  ) is not true
  limit 1;
  if found then
    raise exception
      'subscription % was not written: a trigger or rule on public.stripe_subscriptions drops writes', dropped
      using errcode = 'PT409';
  end if;
end
$$;

-- Raises an error if the event of a change without a tie is not recorded.
create or replace function public.stripe_check_recorded(changes jsonb, ties jsonb)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform from jsonb_array_elements(changes) with ordinality as c (change, place)
  where not ties ? c.place::text and not exists (
    select from public.stripe_events as s
    where s.account = c.change #>> '{event,account}' and s.livemode = (c.change #>> '{event,livemode}')::boolean
      and s.id = c.change #>> '{event,id}'
  );
  if found then
    raise exception 'an event was not written: a trigger or rule on public.stripe_events drops writes'
      using errcode = 'PT409';
  end if;
end
$$;

-- Returns the events of an object that bear the second of this version, and those of the last second before: at most 64
-- with 6 MiB, and `more` if there are others, or some whose payload is not stored.
create or replace function public.stripe_events_of(event jsonb, version text)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  with of_object as not materialized (
    select s.created, s.payload, s.id
    from public.stripe_events as s
    where s.account = event ->> 'account' and s.livemode = (event ->> 'livemode')::boolean
      and s.object_id = event ->> 'object_id' and s.object_type is not distinct from event ->> 'object_type'
  ), second as (
    select to_timestamp(substr(version, 3, 12)::bigint) as at
  ), seconds as (
    select at from second
    union all select max(e.created) from of_object as e, second where e.created < second.at
  ), events as (
    select e.payload, row_number() over preference as number, sum(octet_length(e.payload)) over preference as bytes
    from of_object as e join seconds on e.created = seconds.at
    window preference as (order by e.created desc, octet_length(e.payload), e.id rows unbounded preceding)
  )
  select jsonb_build_object(
    'events', coalesce(jsonb_agg(payload) filter (where payload is not null and number <= 64 and bytes <= 6291456), '[]'),
    'more', coalesce(bool_or(payload is null or number > 64 or bytes > 6291456), false)
  )
  from events
$$;
