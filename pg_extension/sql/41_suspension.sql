-- Suspended tenants: nobody works in one until it is resumed. src/suspension.cpp counts on the first column and the key.

create table tenancy.suspension (
  tenant_id text collate "C" not null constraint suspension_pkey primary key,
  reason text not null,
  suspended_at timestamptz not null default pg_catalog.clock_timestamp(),
  suspended_by text not null default session_user
);
comment on table tenancy.suspension is 'one row for each suspended tenant; written by tenancy.suspend() and tenancy.resume()';
comment on column tenancy.suspension.tenant_id is 'tenant_id of the directory''s memberships view, as text';
comment on column tenancy.suspension.reason is 'why, for operators; its users are not told';
comment on column tenancy.suspension.suspended_at is 'since when';
comment on column tenancy.suspension.suspended_by is 'login role that suspended it';
revoke all on tenancy.suspension from public;
select pg_catalog.pg_extension_config_dump('tenancy.suspension', '');

create view tenancy.suspensions with (security_barrier) as
  select s.tenant_id, s.reason, s.suspended_at, s.suspended_by from tenancy.suspension s;
comment on view tenancy.suspensions is 'the suspended tenants, for operators';
comment on column tenancy.suspensions.tenant_id is 'the tenant';
comment on column tenancy.suspensions.reason is 'why; its users are not told';
comment on column tenancy.suspensions.suspended_at is 'since when';
comment on column tenancy.suspensions.suspended_by is 'login role that suspended it';
revoke all on tenancy.suspensions from public;
grant select on tenancy.suspensions to tenancy_operator, pg_database_owner;

-- Who it was that logged in counts: a SECURITY DEFINER function of an operator lends nobody the right. In a context
-- nobody has it: whatever the login may do, SQL injected there may not.
create function tenancy.require_operator(deed text) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if tenancy.actor() is null
     and (pg_has_role(session_user, 'tenancy_operator', 'member') or pg_has_role(session_user, 'pg_database_owner', 'member')) then
    return;
  end if;
  raise exception using
    errcode = 'insufficient_privilege',
    message = format('permission denied to %s', deed),
    hint = 'Outside a tenant context members of tenancy_operator, the owner of the database and superusers may.';
end
$function$;
comment on function tenancy.require_operator(text) is
  'internal: 42501 unless a member of tenancy_operator, the owner of the database or a superuser has logged in and no context is set';

create function tenancy.suspend(tenant text, reason text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  known text;
  is_new boolean;
begin
  perform tenancy.require_operator('suspend a tenant');
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
  insert into tenancy.suspension as s (tenant_id, reason) values (known, suspend.reason)
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
  perform tenancy.require_operator('resume a tenant');
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

revoke execute on function tenancy.require_operator(text), tenancy.suspend(text, text), tenancy.resume(text) from public;
grant execute on function tenancy.suspend(text, text), tenancy.resume(text) to tenancy_operator, pg_database_owner;
