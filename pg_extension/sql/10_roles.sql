-- The schema may have been there before. Whoever owns it could put tables of the extension's names in the place of ours.

do $schema$
declare
  owner name;
begin
  select pg_catalog.pg_get_userbyid(n.nspowner) into owner
    from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid = n.nspowner
   where n.nspname = 'tenancy' and not r.rolsuper;
  if found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = pg_catalog.format('schema "tenancy" exists and belongs to "%s", who is no superuser', owner),
      hint = 'Rename or drop it; CREATE EXTENSION makes a schema of its own.';
  end if;
end
$schema$;

-- The four roles. They belong to the whole cluster, so another database may have made them already; then they must
-- still be harmless. None can log in; none has a right to any row without a context.

do $roles$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('tenancy_user',     'tenant statements run as this role; without a context it sees nothing'),
      ('tenancy_admin',    'statements of a bypass context run as this role; without one it sees nothing'),
      ('tenancy_gateway',  'may sign users in and attach tokens; has no right to any table'),
      ('tenancy_operator', 'people and jobs: works only through functions that log')
    ) as r (role_name, purpose)
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted.role_name) then
      begin
        execute pg_catalog.format('create role %I nologin noinherit', wanted.role_name);
        execute pg_catalog.format('comment on role %I is %L', wanted.role_name, 'tenancy: ' || wanted.purpose);
      exception when duplicate_object or unique_violation then
        null; -- another database of this cluster made it a moment ago
      end;
    elsif exists (select from pg_catalog.pg_roles
                  where rolname = wanted.role_name
                    and (rolcanlogin or rolinherit or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb
                         or rolreplication)) then
      raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = pg_catalog.format('role "%s" exists and has attributes it must not have', wanted.role_name),
        hint = pg_catalog.format('ALTER ROLE %I NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB '
                                 'NOREPLICATION, or drop it.', wanted.role_name);
    end if;
  end loop;
end
$roles$;

-- Membership lets the gateway's login become these roles; NOINHERIT keeps it from having their rights before.
grant tenancy_user, tenancy_admin to tenancy_gateway;

-- Names in this schema may be looked up by all; each function and table says for itself who may use it.
grant usage on schema tenancy to public;
comment on schema tenancy is 'tenant isolation: context, sessions, policies; select tenancy.whoami() tells who you are';
