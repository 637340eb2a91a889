-- Sessions in numbers: one's own, everybody's, and those that are over.

create function tenancy.my_sessions() returns table (
  id uuid,
  created_at timestamptz,
  last_used_at timestamptz,
  expires_at timestamptz,
  tenant_id text,
  address text,
  user_agent text,
  is_current boolean
)
  language sql stable parallel unsafe rows 10
  security definer set search_path = pg_catalog, pg_temp
as $function$
  select s.id, s.created_at, s.last_used_at, s.expires_at, s.tenant_id, s.client ->> 'address', s.client ->> 'user_agent',
         s.id is not distinct from tenancy.session_id()
    from tenancy.session s
    cross join (select current_setting('tenancy.session_idle_timeout')::interval as idle) i
   where s.user_id = tenancy.user_id()
     and s.revoked_at is null and s.expires_at > clock_timestamp()
     and (i.idle = '0 s' or s.purpose is not null or s.last_used_at + i.idle > clock_timestamp())
   order by 8 desc, s.last_used_at desc, s.id
$function$;
comment on function tenancy.my_sessions() is
  'the live sessions of the context''s user, the current one first; address and user_agent are what the caller of tenancy.login() said';

create function tenancy.end_other_sessions() returns bigint
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  own_user text := tenancy.user_id(); -- refuses without a context
  ended bigint;
begin
  if own_user is null then
    raise exception using
      errcode = 'insufficient_privilege',
      message = 'no user in this transaction',
      hint = 'Call tenancy.attach(token) as the first statement of the transaction.';
  end if;
  update tenancy.session s
     set revoked_at = clock_timestamp()
   where s.user_id = own_user and s.id is distinct from tenancy.session_id()
     and s.revoked_at is null and s.expires_at > clock_timestamp();
  get diagnostics ended = row_count;
  return ended;
end
$function$;
comment on function tenancy.end_other_sessions() is
  'ends all sessions of the context''s user but the current one; tells how many';

-- Live as in my_sessions(). A view for both would show the sessions to members of pg_read_all_data, a function would be called for each row.
create function tenancy.session_counts() returns table (tenant_id text, sessions bigint)
  language plpgsql stable parallel unsafe rows 100
  security definer set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  perform tenancy.require_operator('count sessions', 'tenancy.session_counts()');
  return query
    select s.tenant_id, count(*)
      from tenancy.session s
      cross join (select current_setting('tenancy.session_idle_timeout')::interval as idle) i
     where s.tenant_id is not null and s.revoked_at is null and s.expires_at > clock_timestamp()
       and (i.idle = '0 s' or s.purpose is not null or s.last_used_at + i.idle > clock_timestamp())
     group by s.tenant_id;
end
$function$;
comment on function tenancy.session_counts() is
  'how many live sessions have chosen each tenant, for operators, and for admins in a bypass context where tenancy_admin is granted it';

create function tenancy.change_password(old text, new text) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_change_password';
comment on function tenancy.change_password(text, text) is
  'gives the context''s user another password through the directory''s setter and ends all sessions that the old one opened but the current one; 28P01 when old is wrong';

create function tenancy.revoke_all(tenant text default null, user_id text default null) returns bigint
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  known_tenant text;
  known_user text;
  members text[];
  ended bigint;
begin
  perform tenancy.require_operator('end sessions');
  if tenant is null and user_id is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a tenant or a user is needed to end sessions',
      hint = 'tenancy.rotate_secrets() ends all sessions.';
  end if;
  if greatest(octet_length(tenant), octet_length(user_id)) > 255 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'identifier of a user or tenant is too long';
  end if;
  if '' in (tenant, user_id) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'identifier of a user or tenant is empty',
      hint = 'Leave the parameter out, or give NULL, where all are meant.';
  end if;
  -- Spelled as the directory spells it; as given when the directory knows it no more, for sessions outlive accounts.
  known_tenant := coalesce(tenancy.known_tenant(tenant), tenant);
  known_user := coalesce(tenancy.known_user(user_id), user_id);
  members := coalesce(tenancy.members_of(tenant), '{}');
  update tenancy.session s
     set revoked_at = clock_timestamp()
   where s.revoked_at is null and s.expires_at > clock_timestamp()
     and (known_user is null or s.user_id = known_user)
     -- Who could choose the tenant without signing in again is as good as in it.
     and (known_tenant is null or s.tenant_id = known_tenant or s.user_id = any (members));
  get diagnostics ended = row_count;
  perform tenancy.cut_tokens(known_user, known_tenant);
  perform tenancy.cut_tokens(m, null) from unnest(members) m where known_user is null or m = known_user;
  perform tenancy.audit('revoke_all', null, known_tenant, null, jsonb_build_object('of_user', known_user, 'ended', ended));
  return ended;
end
$function$;
comment on function tenancy.revoke_all(text, text) is
  'ends the sessions of a user, or of all members of a tenant and whoever has chosen it, or of a user in a tenant, and refuses their signed tokens of before; tells how many sessions';

create function tenancy.rotate_secrets() returns bigint
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  ended bigint;
begin
  perform tenancy.require_operator('rotate secrets');
  update tenancy.session s
     set revoked_at = clock_timestamp()
   where s.revoked_at is null and s.expires_at > clock_timestamp();
  get diagnostics ended = row_count;
  perform tenancy.cut_tokens(null, null);
  perform tenancy.audit('rotate_secrets', null, null, null, jsonb_build_object('ended', ended));
  raise notice using
    message = format('%s sessions have ended; everybody signs in again', ended),
    hint = 'Keys of trusted issuers and passwords are their owners'': renew a key at its issuer and trust the new one, change passwords in the application.';
  return ended;
end
$function$;
comment on function tenancy.rotate_secrets() is
  'makes every secret that this database has handed out worthless: ends all sessions and refuses all signed tokens of before; keys of trusted issuers and passwords are their owners'' to renew';

create function tenancy.clean_sessions(batch integer default 1000) returns bigint
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  -- Pages of the table that a call looks through at most for idle sessions, which no index finds: one over last_used_at
  -- would make each attach dearer. They are a sample, so that calls in a row come to all.
  most_pages constant integer := 500;
  -- Loads the library, which throws away what a client has put under the names of the settings before.
  loaded constant boolean := tenancy.bypassing();
  bygone constant timestamptz := clock_timestamp() - current_setting('tenancy.session_retention')::interval;
  idle constant interval := current_setting('tenancy.session_idle_timeout');
  pages bigint;
  removed bigint;
  removed_idle bigint := 0;
begin
  if batch is null or batch not between 1 and 100000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a batch has 1 to 100000 sessions';
  end if;
  delete from tenancy.session s
   where s.id in (select o.id from tenancy.session o
                   where least(o.expires_at, o.revoked_at) <= bygone
                   order by least(o.expires_at, o.revoked_at)
                   limit batch
                   for update skip locked);
  get diagnostics removed = row_count;
  if removed < batch and idle > '0 s' then
    pages := greatest(pg_relation_size('tenancy.session') / current_setting('block_size')::bigint, 1);
    delete from tenancy.session s
     where s.id in (select o.id from tenancy.session o tablesample system (least(100.0, 100.0 * most_pages / pages))
                     where o.last_used_at <= bygone - idle and o.purpose is null -- a job's may wait for its turn
                     limit batch - removed
                     for update skip locked);
    get diagnostics removed_idle = row_count;
  end if;
  return removed + removed_idle;
end
$function$;
comment on function tenancy.clean_sessions(integer) is
  'deletes at most so many sessions that ended longer than tenancy.session_retention ago; tells how many; to be called again and again';

revoke execute on function
  tenancy.my_sessions(), tenancy.end_other_sessions(), tenancy.change_password(text, text), tenancy.session_counts(),
  tenancy.revoke_all(text, text), tenancy.rotate_secrets(), tenancy.clean_sessions(integer)
from public;
grant execute on function
  tenancy.my_sessions(), tenancy.end_other_sessions(), tenancy.change_password(text, text)
to tenancy_user, tenancy_admin;
grant execute on function tenancy.revoke_all(text, text), tenancy.rotate_secrets(), tenancy.session_counts() to tenancy_operator, pg_database_owner;
grant execute on function tenancy.clean_sessions(integer) to tenancy_gateway, tenancy_operator;
