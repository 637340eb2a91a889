-- Suspended tenants: nobody works in one until it is resumed. src/suspension.cpp counts on the first column and the key.

create table tenancy.suspension (
  tenant_id text collate "C" not null constraint suspension_pkey primary key,
  reason text not null,
  suspended_at timestamptz not null default pg_catalog.clock_timestamp(),
  suspended_by text not null default session_user,
  user_id text
);
comment on table tenancy.suspension is 'one row for each suspended tenant; written by tenancy.suspend() and tenancy.resume()';
comment on column tenancy.suspension.tenant_id is 'tenant_id of the directory''s memberships view, as text';
comment on column tenancy.suspension.reason is 'why, for operators; its users are not told';
comment on column tenancy.suspension.suspended_at is 'since when';
comment on column tenancy.suspension.suspended_by is 'login role that suspended it';
comment on column tenancy.suspension.user_id is 'admin of the application who suspended it; NULL: an operator did';
revoke all on tenancy.suspension from public;
select pg_catalog.pg_extension_config_dump('tenancy.suspension', '');

create view tenancy.suspensions with (security_barrier) as
  select s.tenant_id, s.reason, s.suspended_at, s.suspended_by, s.user_id
    from tenancy.suspension s
   where pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')
      or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
      -- For applications that grant it to tenancy_admin, whom every login of a gateway can become.
      or tenancy.bypassing();
comment on view tenancy.suspensions is 'the suspended tenants: for operators, and for admins in a bypass context where tenancy_admin is granted it';
comment on column tenancy.suspensions.tenant_id is 'the tenant';
comment on column tenancy.suspensions.reason is 'why; its users are not told';
comment on column tenancy.suspensions.suspended_at is 'since when';
comment on column tenancy.suspensions.suspended_by is 'login role that suspended it';
comment on column tenancy.suspensions.user_id is 'admin of the application who suspended it; NULL: an operator did';
revoke all on tenancy.suspensions from public;
grant select on tenancy.suspensions to tenancy_operator, pg_database_owner;

-- Who it was that logged in counts: a SECURITY DEFINER function of an operator lends nobody the right. In a context
-- nobody has it: whatever the login may do, SQL injected there may not. But one: an admin of the application in the bypass
-- context of his own session or signed token, where the application has opened the function to its admins by granting it to
-- tenancy_admin. The context proves who he is, for nobody can forge one; the grant is the application's own choice, and a
-- SECURITY DEFINER function does not get around it. Who has stepped into a tenant, operators and jobs have no such context.
create function tenancy.require_operator(deed text, opened regprocedure default null) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  -- Asked first: a reader in C loads the library, which throws away what a client has put under the names of the settings.
  acts constant boolean := tenancy.actor() is not null;
  is_admin constant boolean := tenancy.bypassing()
    and nullif(current_setting('tenancy.user_id', true), '') is not null
    and nullif(current_setting('tenancy.actor', true), '') is null;
begin
  if not acts
     and (tenancy.holds_role(session_user, 'tenancy_operator') or tenancy.holds_role(session_user, 'pg_database_owner')) then
    return;
  end if;
  if is_admin and opened is not null and has_function_privilege('tenancy_admin', opened, 'execute') then
    return;
  end if;
  raise exception using
    errcode = 'insufficient_privilege',
    message = format('permission denied to %s', deed),
    hint = case when is_admin and opened is not null
             then format('This application has not opened it to its admins: a superuser may GRANT EXECUTE ON FUNCTION %s TO tenancy_admin.', opened)
             else 'Outside a tenant context members of tenancy_operator, the owner of the database and superusers may.' end;
end
$function$;
comment on function tenancy.require_operator(text, regprocedure) is
  'internal: 42501 unless a member of tenancy_operator, the owner of the database or a superuser has logged in and no context is set, or an admin of the application is in a bypass context and tenancy_admin may execute the function';

create function tenancy.suspend(tenant text, reason text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  known text;
  is_new boolean;
begin
  perform tenancy.require_operator('suspend a tenant', 'tenancy.suspend(text, text)');
  if tenant is null or reason is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a suspension needs a tenant and a reason';
  end if;
  if reason !~ '\S' or length(reason) > 1000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a reason has 1 to 1000 characters',
      hint = 'Say why in a sentence.';
  end if;
  if octet_length(tenant) <= 255 then
    known := tenancy.known_tenant(tenant);
  end if;
  if known is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'no membership names this tenant',
      hint = 'Give a tenant_id of the directory''s memberships view.';
  end if;
  insert into tenancy.suspension as s (tenant_id, reason, user_id)
  values (known, suspend.reason, nullif(current_setting('tenancy.user_id', true), ''))
  on conflict (tenant_id) do nothing;
  is_new := found;
  if is_new then
    perform tenancy.audit('suspend', null, known, reason, null);
  end if;
  return is_new;
end
$function$;
comment on function tenancy.suspend(text, text) is
  'keeps everybody out of a tenant from the next transaction on, until tenancy.resume(); false when it is suspended already';

create function tenancy.resume(tenant text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  resumed text;
begin
  perform tenancy.require_operator('resume a tenant', 'tenancy.resume(text)');
  if tenant is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a tenant is needed to resume one';
  end if;
  -- As it is written in the view of suspensions, or as the directory would spell it: its members may have gone meanwhile.
  delete from tenancy.suspension s where s.tenant_id = tenant returning s.tenant_id into resumed;
  if resumed is null and octet_length(tenant) <= 255 then
    delete from tenancy.suspension s where s.tenant_id = tenancy.known_tenant(tenant) returning s.tenant_id into resumed;
  end if;
  if resumed is null then
    return false;
  end if;
  perform tenancy.audit('resume', null, resumed, null, null);
  return true;
end
$function$;
comment on function tenancy.resume(text) is 'lets the users of a suspended tenant work again; false when it was not suspended';

revoke execute on function tenancy.require_operator(text, regprocedure), tenancy.suspend(text, text), tenancy.resume(text) from public;
grant execute on function tenancy.suspend(text, text), tenancy.resume(text) to tenancy_operator, pg_database_owner;
