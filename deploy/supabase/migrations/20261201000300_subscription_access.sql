-- One view that answers "has this user access?", and the policies by which users see their own rows of it.
--
-- Can be run again. Needs Postgres 15 for the policies, as every Supabase project has; before, only the owner and the
-- service role may read the view.

do $$
declare
  -- With the rights of whoever reads, so that policies of the tables hold for the view.
  options constant text :=
    case when current_setting('server_version_num')::int >= 150000 then 'with (security_invoker = true)' else '' end;
begin
  execute format(
    'create or replace view public.subscription_access %s as
     select
       s.account,
       s.livemode,
       s.id as subscription_id,
       s.customer_id,
       -- The subscription''s own user, from its metadata or its checkout; else the customer''s.
       coalesce(s.user_id, c.user_id) as user_id,
       s.price_id as plan,
       s.product_id,
       s.quantity,
       s.status,
       -- A status that is not known, or that will be new next year, gives no access. Of the pauses of collection only
       -- `void` takes it: by Stripe''s words the service is not provided then, while it goes on with the two others.
       coalesce(
         s.status in (''active'', ''trialing'') and s.pause_collection_behavior is distinct from ''void'', false
       ) as has_access,
       -- While collection is paused, a period is paid if it began before, which the newest invoice tells.
       case
         when s.status = ''trialing'' then s.trial_end
         when s.status = ''active'' and s.pause_collection_behavior is not null
           and (s.last_invoice_outcome = ''paid'' and s.last_invoice_at >= s.current_period_start) is not true
           then s.current_period_start
         when s.status = ''active'' then s.current_period_end
         when s.status in (''past_due'', ''unpaid'', ''paused'') then s.current_period_start
         when s.status = ''canceled'' then coalesce(s.ended_at, s.canceled_at)
       end as paid_until,
       s.status is not distinct from ''paused'' or s.pause_collection_behavior is not null as paused,
       s.pause_collection_resumes_at as resumes_at,
       case
         when s.status is null then ''no event of the subscription itself has come yet''
         when s.status in (''active'', ''trialing'') and s.pause_collection_behavior = ''void''
           then ''collection is paused, and invoices are voided''
         when s.status in (''active'', ''trialing'') and s.pause_collection_behavior is not null
           then ''collection is paused, and the service goes on''
         when s.status = ''trialing'' then ''on trial''
         when s.status = ''active'' and (s.cancel_at_period_end or s.cancel_at is not null) then ''paid, and will end''
         when s.status = ''active'' then ''paid''
         when s.status = ''past_due'' then ''the last payment failed''
         when s.status = ''unpaid'' then ''payments failed, and are tried no longer''
         when s.status = ''paused'' then ''paused''
         when s.status = ''incomplete'' then ''the first payment is missing''
         when s.status = ''incomplete_expired'' then ''the first payment never came''
         when s.status = ''canceled'' then ''canceled''
         else ''the status is not known''
       end as why
     from public.stripe_subscriptions as s
     left join public.stripe_customers as c
       on c.account = s.account and c.livemode = s.livemode and c.id = s.customer_id',
    options
  );
end
$$;

do $$
declare
  api_role text;
begin
  -- What the view reads since it tells of pauses, for users who may read it.
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticated')
    and has_table_privilege('authenticated', 'public.subscription_access', 'select')
    and has_column_privilege('authenticated', 'public.stripe_subscriptions', 'status', 'select')
  then
    grant select (last_invoice_outcome, last_invoice_at) on public.stripe_subscriptions to authenticated;
  end if;

  -- Done once, which the comment shows: a second run must not take back what you have changed since.
  if pg_catalog.obj_description('public.subscription_access'::regclass, 'pg_class') is null then
    foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
      if exists (select from pg_catalog.pg_roles where rolname = api_role) then
        execute format('revoke all on public.subscription_access from %I', api_role);
      end if;
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
      grant select on public.subscription_access to service_role;
    end if;
    comment on view public.subscription_access is 'Whether a user has access; kept by the finance bee.';
  end if;

  -- Where users sign in with Supabase, each sees their own: the columns that the view needs, of their own rows.
  if to_regprocedure('auth.uid()') is null
    or not exists (select from pg_catalog.pg_roles where rolname = 'authenticated')
    or current_setting('server_version_num')::int < 150000
    -- Done once, whatever became of the policies since.
    or pg_catalog.obj_description('public.subscription_access'::regclass, 'pg_class') like '%own rows%'
  then
    return;
  end if;
  grant select (account, livemode, id, user_id) on public.stripe_customers to authenticated;
  grant select (
    account, livemode, id, customer_id, user_id, status, price_id, product_id, quantity, current_period_start,
    current_period_end, cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_end, pause_collection_behavior,
    pause_collection_resumes_at, last_invoice_outcome, last_invoice_at
  ) on public.stripe_subscriptions to authenticated;
  grant select on public.subscription_access to authenticated;
  execute 'create policy "own stripe customers" on public.stripe_customers
    for select to authenticated using (user_id = (select auth.uid())::text)';
  -- A customer that the user may not see counts as none.
  execute 'create policy "own stripe subscriptions" on public.stripe_subscriptions
    for select to authenticated using (
      (select auth.uid())::text = coalesce(
        stripe_subscriptions.user_id,
        (select c.user_id from public.stripe_customers as c
         where c.account = stripe_subscriptions.account and c.livemode = stripe_subscriptions.livemode
           and c.id = stripe_subscriptions.customer_id)
      )
    )';
  comment on view public.subscription_access is
    'Whether a user has access; kept by the finance bee. Users were given the right to read their own rows.';
end
$$;

notify pgrst, 'reload schema';
