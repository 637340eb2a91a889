-- For people in psql.

create function tenancy.current_sign_in() returns tenancy.sign_in
  language c stable parallel unsafe as 'MODULE_PATHNAME', 'tenancy_current_sign_in';
comment on function tenancy.current_sign_in() is
  'the session of the current context as tenancy.login() told it, without the token; NULL without a context';

create function tenancy.whoami() returns jsonb
  language sql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'user_id', s.user_id,
    'user_name', s.user_name,
    'is_admin', s.is_admin,
    'tenant_id', s.tenant_id,
    'tenant_name', (select t ->> 'name' from jsonb_array_elements(s.tenants) t where t ->> 'id' = s.tenant_id),
    'bypass', tenancy.bypassing(),
    'session_id', tenancy.session_id(),
    'role', current_user,
    'expires_at', s.expires_at,
    'tenants', s.tenants)
  from tenancy.current_sign_in() s
$function$;
comment on function tenancy.whoami() is
  'who the current transaction works as: user, tenant, access, session and database role; user and tenant are null without a context';

revoke execute on function tenancy.current_sign_in(), tenancy.whoami() from public;
grant execute on function tenancy.current_sign_in(), tenancy.whoami() to public;
