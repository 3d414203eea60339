-- Rows that are refused for a reason that may pass, such as a missing grant, are tried again by themselves. Comes after the file before;
-- can be run again without harm.

do $$
declare
    adapter name;
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'apiary.outbox'::regclass and attname = 'retry_at' and not attisdropped
    ) then
        alter table apiary.outbox add column refused_at timestamptz, add column retry_at timestamptz;
        -- An adapter of before did not tell passing reasons from others: its refused rows are tried once more, and told apart then.
        update apiary.outbox set refused_at = now(), retry_at = now() where submitted_at is null and problem is not null;
    end if;
    -- Roles that may mark rows may go on to do so.
    for adapter in
        select distinct pg_get_userbyid(granted.grantee)
        from pg_attribute, aclexplode(attacl) as granted
        where attrelid = 'apiary.outbox'::regclass and attname = 'problem'
            and granted.privilege_type = 'UPDATE' and granted.grantee <> 0
    loop
        execute format('grant update (refused_at, retry_at) on apiary.outbox to %I', adapter);
    end loop;
end
$$;

comment on column apiary.outbox.problem is 'Why the row is refused. Set it to null to have it tried again at once.';
comment on column apiary.outbox.refused_at is 'When the row was refused for the first time.';
comment on column apiary.outbox.retry_at is 'When the row is tried again. Null if no retry can help.';

create index if not exists outbox_retries on apiary.outbox (retry_at) where submitted_at is null and problem is not null;
