\echo Use "CREATE EXTENSION tenancy" to load this file. \quit
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
-- The readers of the context. They tell the current transaction's own context and nothing else, so everybody may
-- call them: a policy calls them as whoever runs the query. LEAKPROOF and STABLE make the policy an index condition.

create function tenancy.tenant_id() returns text
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_tenant_id';
comment on function tenancy.tenant_id() is 'tenant of the current context as text';

create function tenancy.tenant_bigint() returns bigint
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_tenant_bigint';
comment on function tenancy.tenant_bigint() is 'tenant of the current context as bigint, for policies and defaults';

create function tenancy.tenant_uuid() returns uuid
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_tenant_uuid';
comment on function tenancy.tenant_uuid() is 'tenant of the current context as uuid, for policies and defaults';

create function tenancy.user_id() returns text
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_user_id';
comment on function tenancy.user_id() is 'user of the current context as text';

create function tenancy.user_bigint() returns bigint
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_user_bigint';
comment on function tenancy.user_bigint() is 'user of the current context as bigint';

create function tenancy.user_uuid() returns uuid
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_user_uuid';
comment on function tenancy.user_uuid() is 'user of the current context as uuid';

create function tenancy.bypassing() returns boolean
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_bypassing';
comment on function tenancy.bypassing() is 'whether the current context may see all tenants; false without a context';

create function tenancy.session_id() returns uuid
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_session_id';
comment on function tenancy.session_id() is 'session of the current context; NULL without one';

revoke execute on all functions in schema tenancy from public;
grant execute on function
  tenancy.tenant_id(), tenancy.tenant_bigint(), tenancy.tenant_uuid(),
  tenancy.user_id(), tenancy.user_bigint(), tenancy.user_uuid(),
  tenancy.bypassing(), tenancy.session_id()
to public;
-- Where the application's accounts and memberships are.

create table tenancy.directory (
  singleton boolean not null default true constraint directory_pkey primary key
    constraint directory_has_one_row check (singleton),
  accounts regclass not null,
  memberships regclass not null,
  set_password_hash text -- not regprocedure, which pg_upgrade refuses in tables
);
comment on table tenancy.directory is 'the two views that show the application''s accounts and memberships; written by tenancy.use_directory()';
comment on column tenancy.directory.singleton is 'there is one row at most';
comment on column tenancy.directory.accounts is 'view: user_id, user_name, password_hash, is_admin, optionally disabled';
comment on column tenancy.directory.memberships is 'view: user_id, tenant_id, tenant_name, optionally role';
comment on column tenancy.directory.set_password_hash is
  'signature of the function that stores a new password hash, every name with its schema; NULL: there is none';
revoke all on tenancy.directory from public;
select pg_catalog.pg_extension_config_dump('tenancy.directory', '');

create function tenancy.directory_changed() returns trigger
  language c as 'MODULE_PATHNAME', 'tenancy_directory_changed';
comment on function tenancy.directory_changed() is 'internal: makes every session ask the changed directory';
revoke execute on function tenancy.directory_changed() from public;

create trigger directory_changed
  after insert or update or delete or truncate on tenancy.directory
  for each statement execute function tenancy.directory_changed();
comment on trigger directory_changed on tenancy.directory is 'internal: makes every session ask the changed directory';

create function tenancy.probe_directory() returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_probe_directory';
comment on function tenancy.probe_directory() is 'internal: asks the directory once, so that one that cannot work is refused';
revoke execute on function tenancy.probe_directory() from public;

create function tenancy.known_tenant(tenant text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_known_tenant';
comment on function tenancy.known_tenant(text) is
  'internal: the tenant as the directory spells it; NULL when no membership names it';
create function tenancy.known_user(user_id text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_known_user';
comment on function tenancy.known_user(text) is
  'internal: the user as the directory spells it; NULL when there is no such account';
create function tenancy.members_of(tenant text) returns text[]
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_members_of';
comment on function tenancy.members_of(text) is 'internal: user_id of the tenant''s members; NULL when it has none';
revoke execute on function tenancy.known_tenant(text), tenancy.known_user(text), tenancy.members_of(text) from public;

-- The setter runs as the views' owner, so it must be this owner's. It takes user_id as the accounts view has it, or as text.
-- It pins search_path with pg_temp last: otherwise whoever signs in could put a temporary table of their own, with triggers,
-- under a name in its body, and so have the new hash, or code run as that owner.
create function tenancy.setter_signature(accounts regclass, setter regprocedure) returns text
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  signature text;
begin
  select format('%I.%I(%s)', n.nspname, p.proname,
                (select string_agg(format('pg_catalog.%I', t.typname), ', ' order by argument.position)
                   from unnest(p.proargtypes::oid[]) with ordinality argument (type, position)
                   join pg_type t on t.oid = argument.type))
    into signature
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    join pg_class c on c.oid = setter_signature.accounts
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
   where p.oid = setter_signature.setter and p.prokind = 'f' and not p.proretset and p.proowner = c.relowner
     and p.pronargs = 2 and p.proargtypes[0] in (a.atttypid, 'text'::regtype) and p.proargtypes[1] = 'text'::regtype
     and p.proargtypes[0] in ('integer'::regtype, 'bigint'::regtype, 'uuid'::regtype, 'text'::regtype)
     and exists (select from unnest(p.proconfig) setting where setting ~ '^search_path=.*(^|[=, ])"?pg_temp"?$');
  if not found then
    raise exception using
      errcode = 'invalid_object_definition',
      message = format('%s cannot store password hashes for this directory', setter),
      hint = 'It must be a function (user_id, text) that belongs to the owner of the views; user_id is of the type in the accounts view, or text. It must pin search_path, with pg_temp last.';
  end if;
  return signature;
end
$function$;
comment on function tenancy.setter_signature(regclass, regprocedure) is
  'internal: the signature of a setter as tenancy.directory keeps it; refused when it does not fit the directory';
revoke execute on function tenancy.setter_signature(regclass, regprocedure) from public;

-- A column "locked_at" that the directory does not ask for would let locked accounts in.
create function tenancy.warn_of_columns(accounts regclass, memberships regclass) returns void
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  unknown record;
begin
  for unknown in
    select format('column %I of view %s', a.attname, c.oid::regclass) as name, known.columns
      from (values (warn_of_columns.accounts, array['user_id', 'user_name', 'password_hash', 'is_admin', 'disabled']),
                   (warn_of_columns.memberships, array['user_id', 'tenant_id', 'tenant_name', 'role'])) known (view, columns)
      join pg_class c on c.oid = known.view and c.relkind = 'v'
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> all (known.columns)
     order by c.oid = warn_of_columns.memberships, a.attnum
  loop
    raise warning using
      message = format('the directory does not ask for %s', unknown.name),
      detail = format('It asks for %s.', array_to_string(unknown.columns, ', ')),
      hint = 'Give the column the name of what it means, for instance "locked_at is not null as disabled", or leave it out.';
  end loop;
end
$function$;
comment on function tenancy.warn_of_columns(regclass, regclass) is
  'internal: warns of columns that have a meaning to their author and none to the directory';
revoke execute on function tenancy.warn_of_columns(regclass, regclass) from public;

create function tenancy.use_directory(accounts regclass, memberships regclass, set_password_hash regprocedure default null)
  returns void
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  foreign_view text;
  signature text;
begin
  if accounts is null or memberships is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a directory needs an accounts view and a memberships view';
  end if;
  -- The views are asked as their owner: nobody may lend somebody else's eyes to the sign-in.
  select c.oid::regclass::text into foreign_view
    from pg_class c
   where c.oid in (accounts, memberships) and not pg_has_role(session_user, c.relowner, 'member')
   limit 1;
  if found then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('must be owner of view %s', foreign_view),
      hint = 'Call tenancy.use_directory() as the owner of both views.';
  end if;
  perform tenancy.warn_of_columns(accounts, memberships);
  if set_password_hash is not null then
    signature := tenancy.setter_signature(accounts, set_password_hash);
  end if;
  insert into tenancy.directory as d (accounts, memberships, set_password_hash)
  values (use_directory.accounts, use_directory.memberships, signature)
  on conflict (singleton) do update
    set accounts = excluded.accounts, memberships = excluded.memberships, set_password_hash = excluded.set_password_hash;
  perform tenancy.probe_directory();
  -- Who answers for accounts and memberships lets people in.
  perform tenancy.audit('use_directory', null, null, null, jsonb_strip_nulls(jsonb_build_object(
    'accounts', accounts::text, 'memberships', memberships::text, 'set_password_hash', signature)));
end
$function$;
comment on function tenancy.use_directory(regclass, regclass, regprocedure) is
  'registers the views of accounts and memberships that sign-in asks, and optionally the function that stores a new password hash; refused when they cannot work';
revoke execute on function tenancy.use_directory(regclass, regclass, regprocedure) from public;
grant execute on function tenancy.use_directory(regclass, regclass, regprocedure) to pg_database_owner;
-- Sessions and the functions that begin, use and end them. Nobody is granted the table: a token is known here by its
-- SHA-256 alone, and not even that is shown to anyone. src/session.cpp counts on the order of the columns.

create table tenancy.session (
  id uuid not null default pg_catalog.gen_random_uuid() constraint session_pkey primary key,
  token_hash bytea not null constraint session_token_hash_key unique
    constraint session_token_hash_is_sha256 check (pg_catalog.octet_length(token_hash) = 32),
  user_id text not null,
  tenant_id text,
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  last_used_at timestamptz not null default pg_catalog.clock_timestamp(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  client jsonb not null default '{}',
  password_fingerprint bytea
    constraint session_password_fingerprint_is_sha256 check (pg_catalog.octet_length(password_fingerprint) = 32),
  purpose text
) with (fillfactor = 80); -- room for last_used_at to be renewed in place
create index session_user_id_idx on tenancy.session (user_id);
-- Not over last_used_at, which is written all the time.
create index session_end_idx on tenancy.session (least(expires_at, revoked_at));

comment on table tenancy.session is 'one row for each sign-in, revocable at once';
comment on column tenancy.session.id is 'names the session to people and to tenancy.revoke(); opens nothing';
comment on column tenancy.session.token_hash is 'SHA-256 of the token that the user holds';
comment on column tenancy.session.user_id is 'user_id of the directory''s accounts view, as text';
comment on column tenancy.session.tenant_id is 'chosen tenant as text; NULL: none chosen yet, or an admin who sees all';
comment on column tenancy.session.created_at is 'when the user signed in';
comment on column tenancy.session.last_used_at is 'last use, written at most once a minute';
comment on column tenancy.session.expires_at is 'end by tenancy.session_lifetime, as it was at sign-in';
comment on column tenancy.session.revoked_at is 'when it was ended before its time; NULL while it lives';
comment on column tenancy.session.client is 'what the caller of tenancy.login() said of the client: address, user_agent';
comment on column tenancy.session.password_fingerprint is
  'SHA-256 of the stored password hash as it was at sign-in: another password ends the session; NULL: opened without one';
comment on column tenancy.session.purpose is 'what a job''s session is for, as tenancy.job_token() was told; NULL: a person''s';
revoke all on tenancy.session from public;

create type tenancy.sign_in as (
  token text,
  user_id text,
  user_name text,
  is_admin boolean,
  tenant_id text,
  tenants jsonb,
  expires_at timestamptz,
  tenant_name text
);
comment on type tenancy.sign_in is
  'a session as its holder sees it; tenants is [{"id", "name"}, …]; the token is there only in the answers of tenancy.login() and tenancy.choose_tenant()';
comment on column tenancy.sign_in.token is 'opens the session to whoever holds it; NULL but in the answers of tenancy.login() and tenancy.choose_tenant()';
comment on column tenancy.sign_in.user_id is 'user_id of the directory''s accounts view, as text';
comment on column tenancy.sign_in.user_name is 'name that the user signs in with';
comment on column tenancy.sign_in.is_admin is 'whether the user may see all tenants';
comment on column tenancy.sign_in.tenant_id is 'chosen tenant as text; NULL: none chosen yet, or an admin who sees all';
comment on column tenancy.sign_in.tenants is 'the user''s tenants: [{"id", "name"}, …]';
comment on column tenancy.sign_in.expires_at is 'end of the session, however busy';
comment on column tenancy.sign_in.tenant_name is 'what the chosen tenant is called';
revoke usage on type tenancy.sign_in from public;

create function tenancy.login(user_name text, password text, client jsonb default '{}') returns tenancy.sign_in
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_login';
comment on function tenancy.login(text, text, jsonb) is
  'signs a user in: checks the password, begins a session, hands out its token once; 28P01 for any wrong name or password';

create function tenancy.attach(token text) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_attach';
comment on function tenancy.attach(text) is
  'gives this transaction the context of the token''s session and the role tenancy_user or tenancy_admin, to its end; 28000 for a bad token, 25001 when attached already';

create function tenancy.choose_tenant(token text, tenant text) returns tenancy.sign_in
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_choose_tenant';
comment on function tenancy.choose_tenant(text, text) is
  'chooses one of the user''s tenants for the session, for an admin any that has a member, NULL for none; hands out a new token, and the old one is dead at once; 42501 for others'' tenants';

create function tenancy.logout(token text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  update tenancy.session s
     set revoked_at = clock_timestamp()
   where s.token_hash = sha256(convert_to(logout.token, 'UTF8'))
     and s.revoked_at is null and s.expires_at > clock_timestamp();
  return found;
end
$function$;
comment on function tenancy.logout(text) is 'ends the token''s session; false when there was no live one';

create function tenancy.revoke(session_id uuid) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  -- Asked first: a reader in C loads the library, which throws away what a client has put under the name of the setting.
  acts boolean := tenancy.actor() is not null;
  -- current_setting, not the reader: without a context this is about operators, and no error.
  own_user text := nullif(current_setting('tenancy.user_id', true), '');
  ended_user text;
begin
  -- With a context: one's own sessions, whatever the login role could do. Without: operators.
  if own_user is null and (acts or not pg_has_role(session_user, 'tenancy_operator', 'member')) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = 'permission denied to end a session',
      hint = 'Attach first to end a session of one''s own; members of tenancy_operator end any.';
  end if;
  update tenancy.session s
     set revoked_at = clock_timestamp()
   where s.id = revoke.session_id and s.revoked_at is null
     and (own_user is null or s.user_id = own_user)
  returning s.user_id into ended_user;
  if ended_user is null then
    return false;
  end if;
  if own_user is null then
    perform tenancy.audit('revoke', null, null, null, jsonb_build_object('of_user', ended_user, 'session', revoke.session_id));
  end if;
  return true;
end
$function$;
comment on function tenancy.revoke(uuid) is
  'ends a session by its id: one''s own in an attached transaction, any for members of tenancy_operator; false when there was no live one';

create function tenancy.hash_password(password text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_hash_password';
comment on function tenancy.hash_password(text) is 'a new yescrypt hash for the application''s accounts';

revoke execute on function
  tenancy.login(text, text, jsonb), tenancy.attach(text), tenancy.choose_tenant(text, text), tenancy.logout(text),
  tenancy.revoke(uuid), tenancy.hash_password(text)
from public;
grant execute on function
  tenancy.login(text, text, jsonb), tenancy.attach(text), tenancy.choose_tenant(text, text), tenancy.logout(text)
to tenancy_gateway;
-- Who is attached already may try again, and is told 25001 instead of a missing right.
grant execute on function tenancy.attach(text) to tenancy_user, tenancy_admin;
grant execute on function tenancy.revoke(uuid) to tenancy_user, tenancy_admin, tenancy_operator;
grant execute on function tenancy.hash_password(text) to pg_database_owner, tenancy_operator;
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
     and (pg_has_role(session_user, 'tenancy_operator', 'member') or pg_has_role(session_user, 'pg_database_owner', 'member')) then
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
-- How often sign-in has failed, and who waits for it. The rules, and why they are as they are, stand in src/throttle.hpp.
-- Settings come as arguments: the writer is another process, and a superuser may have set them in this session alone.

create table tenancy.sign_in_attempt (
  key bytea not null constraint sign_in_attempt_pkey primary key
    constraint sign_in_attempt_key_is_sha256 check (pg_catalog.octet_length(key) = 32),
  kind text not null constraint sign_in_attempt_kind_is_known check (kind in ('name', 'address', 'pair')),
  failures integer not null default 0,
  failed_at timestamptz,
  signed_in_at timestamptz,
  forget_at timestamptz not null
) with (fillfactor = 80); -- room for a row to be counted up in place
create index sign_in_attempt_forget_at_idx on tenancy.sign_in_attempt (forget_at);
comment on table tenancy.sign_in_attempt is 'failed sign-ins of late, and addresses that have signed in; keys are digests, so no name stands here';
comment on column tenancy.sign_in_attempt.key is 'SHA-256 of the user name, the client address, or both';
comment on column tenancy.sign_in_attempt.kind is 'name, address, or pair: an address that has signed in with that name';
comment on column tenancy.sign_in_attempt.failures is 'failed sign-ins, as counted at the last one';
comment on column tenancy.sign_in_attempt.failed_at is 'when the last one failed';
comment on column tenancy.sign_in_attempt.signed_in_at is 'of a pair: when it last signed in, to the hour';
comment on column tenancy.sign_in_attempt.forget_at is 'when the row no longer matters to anyone and may be deleted';
revoke all on tenancy.sign_in_attempt from public;

create function tenancy.throttled_address(address text) returns text
  language c immutable parallel safe as 'MODULE_PATHNAME', 'tenancy_throttled_address';
comment on function tenancy.throttled_address(text) is 'internal: what of an address is counted: IPv6 by its /64 network, where one client has all addresses';
revoke execute on function tenancy.throttled_address(text) from public;

create function tenancy.sign_in_key(user_name text, address text) returns bytea
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case when user_name is null then sha256(convert_to('address:' || tenancy.throttled_address(address), 'UTF8'))
              when address is null then sha256(convert_to('name:' || user_name, 'UTF8'))
              else sha256(sha256(convert_to(user_name, 'UTF8')) || sha256(convert_to(tenancy.throttled_address(address), 'UTF8'))) end
$function$;
comment on function tenancy.sign_in_key(text, text) is 'internal: the key of a name, of an address, or of both';
revoke execute on function tenancy.sign_in_key(text, text) from public;

-- A clock that was set back makes nobody wait for longer, hence the bounds.
create function tenancy.failures_left(failures integer, failed_at timestamptz, longest_wait integer) returns integer
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select greatest(0, failures - floor(greatest(0, extract(epoch from clock_timestamp() - failed_at)) / longest_wait))::integer
$function$;
comment on function tenancy.failures_left(integer, timestamptz, integer) is 'internal: a count of failures less what quiet time has taken off';
revoke execute on function tenancy.failures_left(integer, timestamptz, integer) from public;

create function tenancy.seconds_to_wait(failures_left integer, failed_at timestamptz, free integer, longest_wait integer) returns integer
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case when failures_left >= greatest(free, 1)
              then greatest(0, ceil(least(longest_wait, power(2, least(failures_left - free, 30)))
                                    - greatest(0, extract(epoch from clock_timestamp() - failed_at))))::integer
              else 0 end
$function$;
comment on function tenancy.seconds_to_wait(integer, timestamptz, integer, integer) is 'internal: how long these failures make one wait from now on';
revoke execute on function tenancy.seconds_to_wait(integer, timestamptz, integer, integer) from public;

-- What counts for an attempt: the pair alone where the address is known for the name, else the name and the address. A
-- caller that tells no address is one address, known or not, that is not counted by itself. STABLE, although it reads the
-- clock: so it sees the latest failures also in a transaction whose own snapshot is older.
create function tenancy.sign_in_standing(
  user_name text, address text, free integer, free_of_address integer, longest_wait integer, known_for integer,
  out wait integer,             -- seconds; 0: go on
  out first_key bytea, out first_chances integer,   -- how many may try at once
  out second_key bytea, out second_chances integer, -- NULL where one key counts
  out pair_key bytea,
  out remembered boolean,       -- a success needs no writing
  out note text                 -- what tenancy.note_sign_in() takes when the attempt fails
)
  language sql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  with pair as (
    select k.key, a.failures, a.failed_at, a.signed_in_at, k.known, coalesce(tenancy.failures_left(a.failures, a.failed_at, longest_wait), 0) as failures_left
      from (select tenancy.sign_in_key(user_name, coalesce(address, '')) as key) p
      left join tenancy.sign_in_attempt a on a.key = p.key,
      lateral (select p.key, coalesce(a.signed_in_at > clock_timestamp() - make_interval(secs => known_for), false) as known) k
  ), counted as (
    select row_number() over (order by c.place) as place, c.key, c.kind, c.free, a.failed_at,
           coalesce(tenancy.failures_left(a.failures, a.failed_at, longest_wait), 0) as failures_left,
           c.free + ceil(log(2, longest_wait))::integer as most
      from pair,
      lateral (values (1, pair.key, 'pair', free, pair.known),
                      (2, tenancy.sign_in_key(user_name, null), 'name', free, not pair.known),
                      (3, tenancy.sign_in_key(null, address), 'address', free_of_address, not pair.known and address is not null))
        as c (place, key, kind, free, counts)
      left join tenancy.sign_in_attempt a on a.key = c.key
     where c.counts
  )
  select max(tenancy.seconds_to_wait(c.failures_left, c.failed_at, c.free, longest_wait)),
         (array_agg(c.key order by c.place))[1], (array_agg(greatest(1, c.free - c.failures_left) order by c.place))[1],
         (array_agg(c.key order by c.place))[2], (array_agg(greatest(1, c.free - c.failures_left) order by c.place))[2],
         pair.key,
         pair.known and pair.failures_left = 0 and pair.signed_in_at > clock_timestamp() - make_interval(secs => least(3600, known_for / 2)),
         jsonb_build_object('longest_wait', longest_wait, 'failed',
                            jsonb_agg(jsonb_build_object('key', encode(c.key, 'hex'), 'kind', c.kind, 'most', c.most) order by c.place))::text
    from counted c, pair
   group by pair.key, pair.known, pair.failures_left, pair.signed_in_at
$function$;
comment on function tenancy.sign_in_standing(text, text, integer, integer, integer, integer) is
  'internal: whether an attempt has to wait, what counts for it, and what is noted when it fails';
revoke execute on function tenancy.sign_in_standing(text, text, integer, integer, integer, integer) from public;

-- More than an attempt adds, so that the table shrinks to what matters however fast attempts come.
create function tenancy.forget_sign_in_attempts() returns void
  language sql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  delete from tenancy.sign_in_attempt a
   where a.key = any (array(select o.key from tenancy.sign_in_attempt o where o.forget_at < clock_timestamp()
                             order by o.forget_at limit 20 for update skip locked))
$function$;
comment on function tenancy.forget_sign_in_attempts() is 'internal: deletes a few rows that no longer matter';
revoke execute on function tenancy.forget_sign_in_attempts() from public;

-- Runs in a transaction of its own, through a background worker: the transaction that failed to sign in is rolled back.
-- Keys come in one order (pairs alone, else name before address), so that two writers never wait for each other in a ring.
create function tenancy.note_sign_in(note jsonb) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $function$
declare
  longest_wait constant integer := note ->> 'longest_wait';
  failed record;
begin
  for failed in select * from jsonb_to_recordset(note -> 'failed') as f (key text, kind text, most integer) loop
    insert into tenancy.sign_in_attempt as a (key, kind, failures, failed_at, forget_at)
    values (decode(failed.key, 'hex'), failed.kind, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => longest_wait))
    on conflict (key) do update
      set failures = greatest(1, least(tenancy.failures_left(a.failures, a.failed_at, longest_wait) + 1, failed.most)),
          failed_at = clock_timestamp(),
          forget_at = greatest(a.forget_at, clock_timestamp() + make_interval(secs => longest_wait::double precision * least(a.failures + 1, failed.most)));
  end loop;
  perform tenancy.forget_sign_in_attempts();
end
$function$;
comment on function tenancy.note_sign_in(jsonb) is 'internal: counts a failed sign-in';
revoke execute on function tenancy.note_sign_in(jsonb) from public;

create function tenancy.remember_sign_in(pair bytea, known_for integer) returns void
  language sql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.sign_in_attempt as a (key, kind, signed_in_at, forget_at)
  values (pair, 'pair', clock_timestamp(), clock_timestamp() + make_interval(secs => known_for))
  on conflict (key) do update
    set failures = 0, failed_at = null, signed_in_at = excluded.signed_in_at, forget_at = excluded.forget_at;
  select tenancy.forget_sign_in_attempts();
$function$;
comment on function tenancy.remember_sign_in(bytea, integer) is 'internal: keeps an address''s way in, and takes its own failures with that name off';
revoke execute on function tenancy.remember_sign_in(bytea, integer) from public;

create function tenancy.name_key(user_name text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_name_key';
comment on function tenancy.name_key(text) is
  'internal: the name that failures are counted by: one for all spellings that the accounts view takes for equal';
revoke execute on function tenancy.name_key(text) from public;

create function tenancy.reset_sign_in(user_name text default null, address text default null) returns integer
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  counted_name text;
  deleted integer;
begin
  if user_name is null and address is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a user name or an address is needed',
      hint = 'Give the user_name that waits, the address that waits, or both.';
  end if;
  if octet_length(user_name) > 1024 or octet_length(address) > 4096 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a user name has at most 1024 bytes and an address 4096';
  end if;
  counted_name := tenancy.name_key(user_name);
  delete from tenancy.sign_in_attempt a
   where counted_name is not null and a.key in (tenancy.sign_in_key(counted_name, null), tenancy.sign_in_key(counted_name, coalesce(address, '')))
      or address is not null and a.key = tenancy.sign_in_key(null, address);
  get diagnostics deleted = row_count;
  raise log 'failed sign-ins were taken off the count by %', session_user;
  return deleted;
end
$function$;
comment on function tenancy.reset_sign_in(text, text) is
  'lets a user name, an address, or a name from an address sign in again at once; how many counts were deleted';
revoke execute on function tenancy.reset_sign_in(text, text) from public;
grant execute on function tenancy.reset_sign_in(text, text) to tenancy_operator;
-- Issuers of signed tokens (JWT) that tenancy.attach() believes, and their keys. Nobody is granted the tables: the secret
-- of an HS256 issuer makes tokens for everybody. src/issuer.cpp counts on the order of the columns.

create table tenancy.issuer (
  issuer text collate "C" not null constraint issuer_pkey primary key,
  audience text[] not null,
  audience_claim text not null,
  user_claim text not null,
  tenant_claim text,
  require_expiry boolean not null,
  leeway integer not null,
  trusted_at timestamptz not null default pg_catalog.clock_timestamp()
);
comment on table tenancy.issuer is 'issuers whose signed tokens tenancy.attach() takes; written by tenancy.trust_issuer()';
comment on column tenancy.issuer.issuer is 'the claim iss of its tokens, byte for byte';
comment on column tenancy.issuer.audience is 'a token must be for one of these';
comment on column tenancy.issuer.audience_claim is 'claim that names the audience, commonly aud';
comment on column tenancy.issuer.user_claim is 'claim that holds the user_id of the directory''s accounts view';
comment on column tenancy.issuer.tenant_claim is 'claim that holds the tenant_id or an array of them; NULL: the directory''s memberships alone decide';
comment on column tenancy.issuer.require_expiry is 'whether a token without exp is refused';
comment on column tenancy.issuer.leeway is 'seconds by which the issuer''s clock may differ from the server''s';
comment on column tenancy.issuer.trusted_at is 'when it was registered last';

create table tenancy.issuer_key (
  issuer text collate "C" not null
    constraint issuer_key_of_issuer references tenancy.issuer on update cascade on delete cascade,
  ordinal integer not null,
  kid text,
  algorithm text not null,
  key jsonb not null,
  constraint issuer_key_pkey primary key (issuer, ordinal)
);
comment on table tenancy.issuer_key is 'keys of the trusted issuers, several of one issuer while it rotates them';
comment on column tenancy.issuer_key.issuer is 'whose key it is; tokens of another issuer are never checked with it';
comment on column tenancy.issuer_key.ordinal is 'place in the issuer''s key set';
comment on column tenancy.issuer_key.kid is 'name of the key; NULL: for tokens of any kid';
comment on column tenancy.issuer_key.algorithm is 'the one algorithm the key is used with, whatever a token says';
comment on column tenancy.issuer_key.key is 'the key as JWK; for HS256 the secret itself';
revoke all on tenancy.issuer, tenancy.issuer_key from public;

-- A dump knows whom the database trusts, but never a secret: an HS256 issuer is registered again after a restore.
select pg_catalog.pg_extension_config_dump('tenancy.issuer', '');
select pg_catalog.pg_extension_config_dump('tenancy.issuer_key', 'where algorithm operator(pg_catalog.<>) ''HS256''');

create function tenancy.issuer_changed() returns trigger
  language c as 'MODULE_PATHNAME', 'tenancy_issuer_changed';
comment on function tenancy.issuer_changed() is 'internal: makes every session forget the keys it has read';
revoke execute on function tenancy.issuer_changed() from public;

create trigger issuer_changed
  after insert or update or delete or truncate on tenancy.issuer
  for each statement execute function tenancy.issuer_changed();
create trigger issuer_key_changed
  after insert or update or delete or truncate on tenancy.issuer_key
  for each statement execute function tenancy.issuer_changed();
comment on trigger issuer_changed on tenancy.issuer is 'internal: keys that are read are forgotten when an issuer changes';
comment on trigger issuer_key_changed on tenancy.issuer_key is 'internal: keys that are read are forgotten when one changes';
-- Also while a replica or a restore runs with session_replication_role = replica: stale keys are still believed.
alter table tenancy.issuer enable always trigger issuer_changed;
alter table tenancy.issuer_key enable always trigger issuer_key_changed;

create function tenancy.jwk_algorithm(jwk jsonb, algorithms text[]) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_jwk_algorithm';
comment on function tenancy.jwk_algorithm(jsonb, text[]) is
  'internal: the algorithm a key is for, NULL when it is none of these; 22023 for a key that is weak, broken or private';
revoke execute on function tenancy.jwk_algorithm(jsonb, text[]) from public;

create function tenancy.trust_issuer(
  issuer text,
  jwks jsonb,
  audience text[],
  user_claim text default 'sub',
  tenant_claim text default null,
  algorithms text[] default '{RS256,PS256,ES256,EdDSA,HS256}',
  audience_claim text default 'aud',
  require_expiry boolean default true,
  leeway interval default '30 seconds'
) returns integer
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  most_keys constant integer := 16;
  jwk jsonb;
  its_algorithm text;
  taken integer := 0;
begin
  if trust_issuer.issuer is null or trust_issuer.issuer !~ '^[!-~]{1,255}$' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'an issuer is 1 to 255 characters of ASCII without blanks',
      hint = 'Write it exactly as the claim iss of its tokens, a final slash included.';
  end if;
  if coalesce(cardinality(trust_issuer.audience), 0) = 0
     or exists (select from unnest(trust_issuer.audience) a where a is null or length(a) not between 1 and 255) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'an issuer needs an audience',
      detail = 'Without one, a token that a user gave to some other application would open this database.',
      hint = 'Name what the tokens'' claim aud says of this application: array[''https://api.example.com''].';
  end if;
  if exists (select from unnest(array[user_claim, coalesce(tenant_claim, 'none'), audience_claim]) c
              where c is null or length(c) not between 1 and 255) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the name of a claim has 1 to 255 characters';
  end if;
  if require_expiry is null or leeway is null or leeway not between interval '0' and interval '5 minutes' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'leeway must be between 0 and 5 minutes, and require_expiry true or false',
      hint = 'Set the clocks right: leeway also prolongs every token.';
  end if;
  if coalesce(cardinality(algorithms), 0) = 0 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'no algorithm is allowed',
      hint = 'Name some of RS256, PS256, ES256, EdDSA, HS256.';
  end if;
  if jwks ? 'kty' then
    jwks := jsonb_build_object('keys', jsonb_build_array(jwks));
  end if;
  if coalesce(jsonb_typeof(jwks -> 'keys'), '') <> 'array' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'jwks is neither a key nor a set of keys',
      hint = 'Give what the issuer serves at its jwks_uri: {"keys": [{"kty": …}, …]}.';
  end if;

  insert into tenancy.issuer as i (issuer, audience, audience_claim, user_claim, tenant_claim, require_expiry, leeway)
  values (trust_issuer.issuer, trust_issuer.audience, trust_issuer.audience_claim, trust_issuer.user_claim,
          trust_issuer.tenant_claim, trust_issuer.require_expiry, extract(epoch from trust_issuer.leeway)::integer)
  on conflict (issuer) do update
     set audience = excluded.audience, audience_claim = excluded.audience_claim, user_claim = excluded.user_claim,
         tenant_claim = excluded.tenant_claim, require_expiry = excluded.require_expiry, leeway = excluded.leeway,
         trusted_at = clock_timestamp();
  delete from tenancy.issuer_key k where k.issuer = trust_issuer.issuer;

  for jwk in select value from jsonb_array_elements(jwks -> 'keys') loop
    its_algorithm := tenancy.jwk_algorithm(jwk, algorithms);
    if its_algorithm is null then
      raise notice 'a key was left out: it is not for signatures of an allowed algorithm'
        using detail = format('kid %s, kty %s, alg %s, use %s', jwk -> 'kid', jwk -> 'kty', jwk -> 'alg', jwk -> 'use');
      continue;
    end if;
    taken := taken + 1;
    if taken > most_keys then
      raise exception using
        errcode = 'program_limit_exceeded',
        message = format('an issuer has at most %s keys', most_keys),
        hint = 'Leave out those that sign no longer.';
    end if;
    if jsonb_typeof(jwk -> 'kid') <> 'string' or length(jwk ->> 'kid') not between 1 and 255 then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = 'the kid of a key is a string of 1 to 255 characters';
    end if;
    -- Only what the key is made of: certificates and the like would be kept for nothing.
    insert into tenancy.issuer_key (issuer, ordinal, kid, algorithm, key)
    select trust_issuer.issuer, taken, jwk ->> 'kid', its_algorithm, jsonb_object_agg(m.key, m.value)
      from jsonb_each(jwk) m where m.key in ('kty', 'crv', 'n', 'e', 'x', 'y', 'k');
  end loop;
  if taken = 0 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'jwks has no key that could check a signature',
      hint = 'It needs a key of an allowed algorithm; see algorithms.';
  end if;
  perform tenancy.audit('trust_issuer', null, null, null, jsonb_build_object(
    'issuer', trust_issuer.issuer, 'audience', trust_issuer.audience,
    'keys', (select jsonb_agg(jsonb_build_object('kid', k.kid, 'alg', k.algorithm) order by k.ordinal)
               from tenancy.issuer_key k where k.issuer = trust_issuer.issuer)));
  return taken;
end
$function$;
comment on function tenancy.trust_issuer(text, jsonb, text[], text, text, text[], text, boolean, interval) is
  'lets tenancy.attach() take the tokens that this issuer signs with these keys; called again, it replaces all of that; returns the number of keys';

create function tenancy.distrust_issuer(issuer text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  delete from tenancy.issuer i where i.issuer = distrust_issuer.issuer;
  if not found then
    return false;
  end if;
  perform tenancy.audit('distrust_issuer', null, null, null, jsonb_build_object('issuer', distrust_issuer.issuer));
  return true;
end
$function$;
comment on function tenancy.distrust_issuer(text) is
  'refuses the issuer''s tokens from the next transaction on; false when it was not trusted';

create function tenancy.trusted_issuers() returns table (
  issuer text,
  audience text[],
  audience_claim text,
  user_claim text,
  tenant_claim text,
  require_expiry boolean,
  leeway interval,
  keys jsonb,
  trusted_at timestamptz
)
  language sql stable parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
  select i.issuer, i.audience, i.audience_claim, i.user_claim, i.tenant_claim, i.require_expiry,
         make_interval(secs => i.leeway),
         (select coalesce(jsonb_agg(jsonb_build_object('kid', k.kid, 'alg', k.algorithm) order by k.ordinal), '[]')
            from tenancy.issuer_key k where k.issuer = i.issuer),
         i.trusted_at
    from tenancy.issuer i order by i.issuer
$function$;
comment on function tenancy.trusted_issuers() is
  'the trusted issuers, with kid and algorithm of their keys; the keys themselves are not shown';

revoke execute on function
  tenancy.trust_issuer(text, jsonb, text[], text, text, text[], text, boolean, interval),
  tenancy.distrust_issuer(text), tenancy.trusted_issuers()
from public;
grant execute on function
  tenancy.trust_issuer(text, jsonb, text[], text, text, text[], text, boolean, interval),
  tenancy.distrust_issuer(text), tenancy.trusted_issuers()
to pg_database_owner;
grant execute on function tenancy.trusted_issuers() to tenancy_operator;

create function tenancy.attach(token text, tenant text) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_attach';
comment on function tenancy.attach(text, text) is
  'the same for a signed token whose holder has several tenants: 42501 unless both the token and the directory name this one';
revoke execute on function tenancy.attach(text, text) from public;
grant execute on function tenancy.attach(text, text) to tenancy_gateway, tenancy_user, tenancy_admin;
-- Signed tokens that operators have taken back: a token has no row of its own to end, so a moment is kept, and what was
-- issued up to then is refused. src/token_cutoff.cpp counts on the order of the columns.

create table tenancy.token_cutoff (
  user_id text collate "C" not null,
  tenant_id text collate "C" not null,
  issued_until timestamptz not null,
  constraint token_cutoff_pkey primary key (user_id, tenant_id)
);
comment on table tenancy.token_cutoff is 'signed tokens taken back by tenancy.revoke_all() and rotate_secrets()';
comment on column tenancy.token_cutoff.user_id is 'whose tokens; empty: everybody''s';
comment on column tenancy.token_cutoff.tenant_id is 'in which tenant; empty: in every one, and in none';
comment on column tenancy.token_cutoff.issued_until is 'tokens issued up to this moment are refused';
revoke all on tenancy.token_cutoff from public;
select pg_catalog.pg_extension_config_dump('tenancy.token_cutoff', '');

create function tenancy.cut_tokens(user_id text, tenant_id text) returns void
  language sql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.token_cutoff as c (user_id, tenant_id, issued_until)
  values (coalesce(cut_tokens.user_id, ''), coalesce(cut_tokens.tenant_id, ''), clock_timestamp())
  on conflict (user_id, tenant_id) do update set issued_until = greatest(c.issued_until, excluded.issued_until)
$function$;
comment on function tenancy.cut_tokens(text, text) is
  'internal: refuses the signed tokens that were issued up to now, of a user or of all, in a tenant or everywhere';
revoke execute on function tenancy.cut_tokens(text, text) from public;
-- What is done past the walls, and to them: who, as whom, for which tenant, and why. Append only. Nobody is granted a right
-- to write here, and the trigger holds whoever gets at one all the same (a role past row security, a superuser by mistake).

create table tenancy.audit_log (
  id bigint generated always as identity constraint audit_log_pkey primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  action text not null,
  login text not null,
  user_id text,
  acting_as text,
  tenant_id text,
  reason text,
  session_id uuid,
  client_address text,
  detail jsonb not null default '{}'
);
create index audit_log_at_idx on tenancy.audit_log (at);
-- src/audit.cpp looks up by it whether the first use of a session is on record; it counts on the order of the columns too.
create index audit_log_session_id_idx on tenancy.audit_log (session_id);

comment on table tenancy.audit_log is 'what operators, admins and jobs did beyond one tenant; append only; also in the server log';
comment on column tenancy.audit_log.id is 'number of the entry; gaps mean nothing';
comment on column tenancy.audit_log.at is 'when it was written';
comment on column tenancy.audit_log.action is 'what was done: the name of the function, without its schema';
comment on column tenancy.audit_log.login is 'database login that the connection was opened with (session_user)';
comment on column tenancy.audit_log.user_id is 'user of the context it was done in; NULL for an operator without one';
comment on column tenancy.audit_log.acting_as is 'user that somebody else acted as';
comment on column tenancy.audit_log.tenant_id is 'tenant concerned; NULL: all, or none in particular';
comment on column tenancy.audit_log.reason is 'why, as the operator wrote it';
comment on column tenancy.audit_log.session_id is 'session concerned, of tenancy.sessions';
comment on column tenancy.audit_log.client_address is 'address of the client; NULL over a local socket';
comment on column tenancy.audit_log.detail is 'what else there is to say of this action';
comment on sequence tenancy.audit_log_id_seq is 'internal: numbers the entries of the audit log';
revoke all on tenancy.audit_log from public;
grant select on tenancy.audit_log to tenancy_operator;
-- For applications that grant it to tenancy_admin, whom every login of a gateway can become: in a bypass context alone.
create policy admins on tenancy.audit_log for select to tenancy_admin using (tenancy.bypassing());
comment on policy admins on tenancy.audit_log is 'internal: in a bypass context admins read the log, where tenancy_admin is granted it';
select pg_catalog.pg_extension_config_dump('tenancy.audit_log', '');
select pg_catalog.pg_extension_config_dump('tenancy.audit_log_id_seq', '');

create function tenancy.keep_audit() returns trigger
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  -- Our own functions insert as the extension's owner, and so does a restore.
  if tg_op = 'INSERT' and (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    return null;
  end if;
  raise exception using
    errcode = 'insufficient_privilege',
    message = format('%s is refused on the audit log', tg_op),
    detail = 'It is append only, and only the functions of the extension append.',
    hint = 'To give old entries up, a superuser disables the trigger keep_audit for that one transaction.';
end
$function$;
comment on function tenancy.keep_audit() is 'internal: refuses to change or delete entries of the audit log';
revoke execute on function tenancy.keep_audit() from public;

create trigger keep_audit
  before insert or update or delete or truncate on tenancy.audit_log
  for each statement execute function tenancy.keep_audit();
comment on trigger keep_audit on tenancy.audit_log is 'internal: refuses to change or delete entries of the audit log';
-- ALWAYS: session_replication_role does not switch it off.
alter table tenancy.audit_log enable always trigger keep_audit;

-- One line, whatever the reason holds: JSON escapes line breaks, and the other control characters go.
create function tenancy.audit_line(entry jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'tenancy audit: ' || regexp_replace(jsonb_strip_nulls(entry)::text, '[\x7f-\x9f\u2028\u2029]', '?', 'g')
$function$;
comment on function tenancy.audit_line(jsonb) is 'internal: an entry of the audit log as the server log has it';

create function tenancy.append_audit(entry jsonb) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  insert into tenancy.audit_log (action, login, user_id, acting_as, tenant_id, reason, session_id, client_address, detail)
  values (entry ->> 'action', entry ->> 'login', entry ->> 'user_id', entry ->> 'acting_as', entry ->> 'tenant_id',
          entry ->> 'reason', (entry ->> 'session_id')::uuid, entry ->> 'client_address', coalesce(entry -> 'detail', '{}'));
  raise log '%', tenancy.audit_line(entry);
end
$function$;
comment on function tenancy.append_audit(jsonb) is 'internal: appends an entry to the audit log and to the server log';

-- In the transaction of the caller: what is rolled back was not done. What lets somebody see rows is written by
-- src/audit.cpp instead, in a transaction of its own.
create function tenancy.audit(action text, acting_as text, tenant_id text, reason text, detail jsonb) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform tenancy.append_audit(jsonb_build_object(
    'action', audit.action,
    'login', session_user,
    'user_id', nullif(current_setting('tenancy.user_id', true), ''),
    'acting_as', audit.acting_as,
    'tenant_id', audit.tenant_id,
    'reason', audit.reason,
    'session_id', nullif(current_setting('tenancy.session_id', true), ''),
    'client_address', host(inet_client_addr()),
    'detail', coalesce(audit.detail, '{}')));
end
$function$;
comment on function tenancy.audit(text, text, text, text, jsonb) is
  'internal: appends to the audit log what a function of the extension does, in the same transaction';

revoke execute on function tenancy.audit_line(jsonb), tenancy.append_audit(jsonb), tenancy.audit(text, text, text, text, jsonb) from public;
-- What can be protected, and what is refused with the reason. Catalog reads only, with the caller's rights.

create function tenancy.reader_for(column_type oid) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case column_type
    when 'bigint'::regtype then 'tenancy.tenant_bigint()'
    when 'integer'::regtype then 'tenancy.tenant_bigint()'
    when 'uuid'::regtype then 'tenancy.tenant_uuid()'
    when 'text'::regtype then 'tenancy.tenant_id()'
  end
$function$;
comment on function tenancy.reader_for(oid) is 'internal: the reader of the context that a tenant column of this type is compared with; NULL for other types';

create function tenancy.user_reader_for(column_type oid) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select replace(tenancy.reader_for(column_type), 'tenancy.tenant_', 'tenancy.user_')
$function$;
comment on function tenancy.user_reader_for(oid) is 'internal: the reader of the context that an owner column of this type is compared with; NULL for other types';

-- The table itself and every partition or inheritance child below it: each can be read by its own name.
create function tenancy.with_children(table_name regclass) returns setof regclass
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive tree (relation) as (
    select table_name
    union
    select i.inhrelid::regclass from pg_inherits i join tree on i.inhparent = tree.relation
  )
  select relation from tree
$function$;
comment on function tenancy.with_children(regclass) is 'internal: a table with all its partitions and inheritance children';

create function tenancy.require_table(table_name regclass) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation pg_class;
begin
  select c.* into relation from pg_class c where c.oid = table_name;
  if not found then
    raise exception using
      errcode = 'undefined_table',
      message = 'table does not exist',
      hint = 'Name a table of this database, with its schema.';
  end if;
  if relation.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('%s is a system catalog', table_name),
      hint = 'Only tables of the application can be protected.';
  end if;
  if relation.relkind not in ('r', 'p') then
    raise exception using
      errcode = 'wrong_object_type',
      message = format('%s is not a table', table_name),
      hint = case relation.relkind
        when 'f' then 'Row security does not reach foreign tables: protect the table on its own server, and take it out of the inheritance tree here.'
        when 'm' then 'A materialized view holds the rows of all tenants: grant it to nobody.'
        else 'Protect the tables under it; make a view WITH (security_invoker = true).' end;
  end if;
  if relation.relpersistence = 't' then
    raise exception using
      errcode = 'feature_not_supported',
      message = format('%s is a temporary table', table_name),
      hint = 'Temporary tables are seen by their own session only.';
  end if;
  if exists (select from pg_depend d
             where d.classid = 'pg_class'::regclass and d.objid = relation.oid and d.deptype = 'e') then
    raise exception using
      errcode = 'feature_not_supported',
      message = format('%s belongs to an extension', table_name),
      hint = 'The next update of that extension would undo the protection.';
  end if;
  if not pg_has_role(current_user, relation.relowner, 'usage') then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('must be owner of table %s', table_name),
      hint = format('SET ROLE %I first.', pg_get_userbyid(relation.relowner));
  end if;
end
$function$;
comment on function tenancy.require_table(regclass) is 'internal: refuses what is no table that the caller may protect, with the reason';

-- what says in the messages which of the two columns it is: 'tenant' or 'owner'.
create function tenancy.require_column(table_name regclass, column_name name, what text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  attribute pg_attribute;
begin
  select a.* into attribute
    from pg_attribute a
   where a.attrelid = table_name and a.attname = column_name and a.attnum > 0 and not a.attisdropped;
  if not found then
    raise exception using
      errcode = 'undefined_column',
      message = format('table %s has no column %I', table_name, column_name),
      hint = case what
        when 'tenant' then 'Name the column that holds the tenant: tenancy.protect(table, ''column''). A table that all tenants read and none writes is protected with reference => true.'
        else 'Name the column that holds the user: owner_column => ''column''.' end;
  end if;
  if tenancy.reader_for(attribute.atttypid) is null then
    raise exception using
      errcode = 'datatype_mismatch',
      message = format('column %I of table %s is of type %s', column_name, table_name, format_type(attribute.atttypid, null)),
      hint = format('The %s column is bigint, integer, uuid or text.', what);
  end if;
  if exists (select from pg_collation c where c.oid = attribute.attcollation and not c.collisdeterministic) then
    raise exception using
      errcode = 'datatype_mismatch',
      message = format('column %I of table %s has a collation in which different %ss are equal', column_name, table_name,
                       case what when 'owner' then 'user' else what end),
      hint = format('Give the %s column a deterministic collation.', what);
  end if;
end
$function$;
comment on function tenancy.require_column(regclass, name, text) is 'internal: refuses a column that cannot hold a tenant or a user, with the reason';

-- The options as one object, in which they travel between the functions here and stand in the note; contradictions are refused.
create function tenancy.protect_options(
  table_name regclass, tenant_column name, access text, owner_column name, shared boolean, reference boolean, keys boolean)
  returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  contradiction text;
  way_out text;
begin
  if table_name is null or tenant_column is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'protect needs a table and a column',
      hint = 'tenancy.protect(''schema.table'', ''tenant_id'')';
  end if;
  if access is null or access not in ('read', 'write') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('unrecognized access "%s"', coalesce(access, 'NULL')),
      hint = 'Access is ''write'' (tenants read and change their rows) or ''read'' (tenants only read them).';
  end if;
  if shared is null or reference is null or keys is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'shared, reference and keys are true or false, not NULL',
      hint = 'Leave an option out to have its default, false.';
  end if;
  perform tenancy.require_table(table_name);
  if reference then
    if owner_column is not null or shared or keys then
      contradiction := format('a reference table has no tenant, so %s has no meaning',
        case when owner_column is not null then 'owner_column' when shared then 'shared' else 'keys' end);
      way_out := 'Leave out either reference or the other option.';
    elsif exists (select from pg_attribute a where a.attrelid = table_name and a.attname = tenant_column
                     and a.attnum > 0 and not a.attisdropped) then
      contradiction := format('table %s has the column %I: as a reference table it would show the rows of every tenant', table_name, tenant_column);
      way_out := 'Protect it without reference; rows for everybody have no tenant and shared => true.';
    end if;
  elsif owner_column = tenant_column then
    contradiction := 'the owner column is the tenant column';
    way_out := 'Name the column that holds the user, or leave owner_column out.';
  end if;
  if contradiction is not null then
    raise exception using errcode = 'invalid_parameter_value', message = contradiction, hint = way_out;
  end if;
  return jsonb_build_object(
    'kind', case when reference then 'reference' else 'tenant' end,
    'column', case when not reference then tenant_column end,
    'access', case when reference then 'read' else access end,
    'owner_column', owner_column,
    'shared', shared,
    'keys', keys);
end
$function$;
comment on function tenancy.protect_options(regclass, name, text, name, boolean, boolean, boolean) is
  'internal: the options of tenancy.protect() as one object; refuses those that contradict each other';

create function tenancy.require_protectable(table_name regclass, options jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform tenancy.require_table(table_name);
  if options ->> 'kind' = 'reference' then
    return;
  end if;
  perform tenancy.require_column(table_name, (options ->> 'column')::name, 'tenant');
  if options ->> 'owner_column' is not null then
    perform tenancy.require_column(table_name, (options ->> 'owner_column')::name, 'owner');
  end if;
  if (options ->> 'shared')::boolean and exists (
       select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
        where i.indrelid = table_name and i.indisprimary and a.attname = options ->> 'column') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('column %I of table %s is part of the primary key, so no row can be without a tenant', options ->> 'column', table_name),
      hint = 'Leave shared out, or give the table a primary key without the tenant.';
  end if;
end
$function$;
comment on function tenancy.require_protectable(regclass, jsonb) is 'internal: refuses what cannot be protected with these options, with the reason';

revoke execute on function
  tenancy.reader_for(oid), tenancy.user_reader_for(oid), tenancy.with_children(regclass), tenancy.require_table(regclass),
  tenancy.require_column(regclass, name, text), tenancy.require_protectable(regclass, jsonb),
  tenancy.protect_options(regclass, name, text, name, boolean, boolean, boolean)
from public;
grant execute on function
  tenancy.reader_for(oid), tenancy.user_reader_for(oid), tenancy.with_children(regclass), tenancy.require_table(regclass),
  tenancy.require_column(regclass, name, text), tenancy.require_protectable(regclass, jsonb),
  tenancy.protect_options(regclass, name, text, name, boolean, boolean, boolean)
to pg_database_owner;
-- The note: how a relation was before it was protected, and with which options it is. It is the comment of its policy
-- tenancy_tenant (tenancy_reference for reference tables), where every form of pg_dump keeps it. The table's owner can
-- rewrite that comment: nothing of it becomes SQL but known words, and names that the catalog confirms.

-- NULL where there is none or it is no longer readable.
create function tenancy.protection_note(relation regclass) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  note jsonb;
begin
  select substring(obj_description(p.oid, 'pg_policy') from 'Before: (.*)$')::jsonb into note
    from pg_policy p
   where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference');
  return case when jsonb_typeof(note) = 'object' then note end;
exception when data_exception or program_limit_exceeded then
  return null; -- somebody has written something else there
end
$function$;
comment on function tenancy.protection_note(regclass) is
  'internal: what the comment of a relation''s policy says about its state before and its options; NULL when it says nothing readable';

create function tenancy.noted_list(note jsonb, list text) returns setof jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select e from jsonb_array_elements(case when jsonb_typeof(note -> list) = 'array' then note -> list else '[]' end) e
$function$;
comment on function tenancy.noted_list(jsonb, text) is 'internal: the elements of a list in a note; none where there is no such list';

create function tenancy.note_statement(relation regclass, policy name, note jsonb) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select format('comment on policy %I on %s is %L', policy, relation,
    case policy when 'tenancy_tenant' then 'Rows of the current tenant only' else 'Rows for all to read' end
    || ', made by tenancy.protect(). Before: ' || note)
$function$;
comment on function tenancy.note_statement(regclass, name, jsonb) is 'internal: the statement that writes a note';

create function tenancy.write_note(relation regclass, note jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if note is not distinct from tenancy.protection_note(relation) then
    return;
  end if;
  execute (select tenancy.note_statement(relation, p.polname, note)
             from pg_policy p
            where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference'));
end
$function$;
comment on function tenancy.write_note(regclass, jsonb) is 'internal: keeps the note in the comment of the policy';

create function tenancy.amend_note(relation regclass, list text, element jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  note jsonb := coalesce(tenancy.protection_note(relation), '{}');
begin
  if not exists (select from tenancy.noted_list(note, list) e where e = element) then
    perform tenancy.write_note(relation, note || jsonb_build_object(list,
      (select coalesce(jsonb_agg(e), '[]') from tenancy.noted_list(note, list) e) || jsonb_build_array(element)));
  end if;
end
$function$;
comment on function tenancy.amend_note(regclass, text, jsonb) is 'internal: adds an element to a list in a note, once';

revoke execute on function
  tenancy.protection_note(regclass), tenancy.noted_list(jsonb, text), tenancy.note_statement(regclass, name, jsonb),
  tenancy.write_note(regclass, jsonb),
  tenancy.amend_note(regclass, text, jsonb)
from public;
grant execute on function
  tenancy.protection_note(regclass), tenancy.noted_list(jsonb, text), tenancy.note_statement(regclass, name, jsonb),
  tenancy.write_note(regclass, jsonb),
  tenancy.amend_note(regclass, text, jsonb)
to pg_database_owner;
-- Rights that the extension's two roles have on a relation, its columns and the sequences its defaults draw from. A right
-- is a word as GRANT takes it; with a star it may be granted on, as psql shows it.

create function tenancy.granted_on(relation regclass, role_name name) returns text[]
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(array_agg(lower(g.privilege_type) || case when g.is_grantable then '*' else '' end order by g.privilege_type), '{}')
    from pg_class c cross join aclexplode(c.relacl) g
   where c.oid = relation and g.grantee = role_name::text::regrole and g.grantor = c.relowner
$function$;
comment on function tenancy.granted_on(regclass, name) is 'internal: rights on a table or sequence that its owner granted to one role by name, in alphabetical order';

create function tenancy.granted_on_columns(relation regclass)
  returns table (column_name name, role_name name, privilege text)
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select a.attname, r.rolname, lower(g.privilege_type) || case when g.is_grantable then '*' else '' end
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      cross join aclexplode(a.attacl) g
      join pg_roles r on r.oid = g.grantee
     where a.attrelid = relation and a.attacl is not null and a.attnum > 0 and not a.attisdropped
       and g.grantor = c.relowner and r.rolname in ('tenancy_user', 'tenancy_admin');
end
$function$;
comment on function tenancy.granted_on_columns(regclass) is 'internal: rights on single columns that the two roles have';

-- Of the same owner only: a default may name anybody's sequence, and a superuser who protects the table must not grant that.
create function tenancy.sequences_of(relation regclass) returns table (column_name name, sequence regclass)
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select a.attname, s.oid::regclass
      from pg_attrdef d
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      join pg_depend dep on dep.classid = 'pg_attrdef'::regclass and dep.objid = d.oid and dep.refclassid = 'pg_class'::regclass
      join pg_class s on s.oid = dep.refobjid and s.relkind = 'S'
      join pg_class c on c.oid = d.adrelid and c.relowner = s.relowner
     where d.adrelid = relation
     order by a.attnum;
end
$function$;
comment on function tenancy.sequences_of(regclass) is 'internal: sequences that the defaults of a table draw from, as serial columns do';

create function tenancy.wanted_rights(options jsonb, role_name name) returns text[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case when options ->> 'kind' = 'reference' or (role_name = 'tenancy_user' and options ->> 'access' = 'read')
              then array['select'] else array['delete', 'insert', 'select', 'update'] end
$function$;
comment on function tenancy.wanted_rights(jsonb, name) is 'internal: rights on a protected table that one of the two roles should have';

-- A partition or child is reached through its parent and gets no rights of its own; those it has are cut to the parent's.
create function tenancy.missing_rights(relation regclass, options jsonb, is_child boolean)
  returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  -- Who narrows a right to columns after the table was protected means it: a secret column, for one. Before, it is taken.
  narrowed name[] := array(select p.polname from pg_policy p where p.polrelid = relation and p.polname = any (tenancy.our_policies()));
begin
  return query
    with role (role_name, has, wanted) as (
      select r,
             array(select g from unnest(tenancy.granted_on(relation, r)) g
                   union
                   select c.privilege from tenancy.granted_on_columns(relation) c where c.role_name = r and narrowed <> '{}'
                   order by 1),
             case when is_child
                  then array(select g from unnest(tenancy.granted_on(relation, r)) g where g = any (tenancy.wanted_rights(options, r)))
                  else tenancy.wanted_rights(options, r) end
        from unnest(array['tenancy_user', 'tenancy_admin']::name[]) r
    )
    select 'rights', format('revoke all on %s from %I', relation, role_name)
                     || case when wanted = '{}' then '' else format('; grant %s on %s to %I', array_to_string(wanted, ', '), relation, role_name) end
      from role
     where has <> wanted or narrowed = '{}' and role_name in (select g.role_name from tenancy.granted_on_columns(relation) g)
    union all
    select 'rights', case when w.may_draw then format('revoke all on sequence %1$s from %2$I; grant usage on sequence %1$s to %2$I', s.sequence, r.role_name)
                          else format('revoke all on sequence %s from %I', s.sequence, r.role_name) end
      from (select distinct q.sequence from tenancy.sequences_of(relation) q where not is_child) s
      cross join role r
      cross join lateral (select 'insert' = any (r.wanted) as may_draw) w
     where tenancy.granted_on(s.sequence, r.role_name) <> case when w.may_draw then array['usage'] else '{}' end;
end
$function$;
comment on function tenancy.missing_rights(regclass, jsonb, boolean) is 'internal: the statements that give the two roles the rights they should have, and no more';

-- Words of the note become part of a statement here: known ones only, for columns that are there.
create function tenancy.rights_back(relation regclass, note jsonb) returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with word as (
      -- Those that this server knows, for tables and for sequences.
      select k.kind, lower(x.privilege_type) as word
        from (values ('r'::"char"), ('s')) as k (kind) cross join aclexplode(acldefault(k.kind, 10::oid)) x
    ), noted as (
      select 'r'::"char" as kind, format('%s', relation) as target, null::name as column_name, r as role_name,
             array(select e #>> '{}' from tenancy.noted_list(note, r::text) e) as rights, tenancy.granted_on(relation, r) as has
        from unnest(array['tenancy_user', 'tenancy_admin']::name[]) r
       where jsonb_typeof(note -> r::text) = 'array'
      union all
      select 's', format('sequence %s', s.sequence), null, r,
             array(select right_noted #>> '{}' from tenancy.noted_list(note, 'sequences') e, tenancy.noted_list(e, 'rights') right_noted
                    where e ->> 'column' = s.column_name and e ->> 'role' = r),
             tenancy.granted_on(s.sequence, r)
        from tenancy.sequences_of(relation) s cross join unnest(array['tenancy_user', 'tenancy_admin']::name[]) r
       where jsonb_typeof(note -> 'sequences') = 'array'
    ), known as (
      select n.kind, n.target, n.role_name, n.has,
             array(select x from unnest(n.rights) x where x !~ '\*\*' and (n.kind, rtrim(x, '*')) in (select w.kind, w.word from word w) order by x) as rights
        from noted n
    )
    select 'rights as they were',
           format('revoke all on %s from %I', k.target, k.role_name)
           || coalesce((select string_agg(format('; grant %s on %s to %I%s', rtrim(x, '*'), k.target, k.role_name,
                                                 case when x like '%*' then ' with grant option' else '' end), '') from unnest(k.rights) x), '')
      from known k
     where k.has <> k.rights
        or k.kind = 'r' and k.role_name in (select g.role_name from tenancy.granted_on_columns(relation) g)
    union all
    select 'rights as they were',
           format('grant %s (%I) on %s to %I%s', rtrim(e ->> 'right', '*'), a.attname, relation, e ->> 'role',
                  case when e ->> 'right' like '%*' then ' with grant option' else '' end)
      from tenancy.noted_list(note, 'columns') e
      join pg_attribute a on a.attrelid = relation and a.attname = e ->> 'column' and a.attnum > 0 and not a.attisdropped
     where e ->> 'role' in ('tenancy_user', 'tenancy_admin')
       and rtrim(e ->> 'right', '*') in ('insert', 'references', 'select', 'update');
end
$function$;
comment on function tenancy.rights_back(regclass, jsonb) is 'internal: the statements that give the two roles the rights of before';

create function tenancy.attributes_before(relation regclass, options jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(jsonb_object_agg(a.attname, jsonb_build_object('nullable', not a.attnotnull, 'no_default', not a.atthasdef)), '{}')
    from pg_attribute a
   where a.attrelid = relation and a.attname in (options ->> 'column', options ->> 'owner_column')
$function$;
comment on function tenancy.attributes_before(regclass, jsonb) is 'internal: whether the tenant and owner columns may be NULL and have no default';

-- What the relation is before its first protection.
create function tenancy.state_before(relation regclass, options jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'row_security', c.relrowsecurity,
    'forced', c.relforcerowsecurity,
    'attributes', tenancy.attributes_before(relation, options),
    'tenancy_user', to_jsonb(tenancy.granted_on(relation, 'tenancy_user')),
    'tenancy_admin', to_jsonb(tenancy.granted_on(relation, 'tenancy_admin')),
    'columns', (select coalesce(jsonb_agg(jsonb_build_object('column', g.column_name, 'role', g.role_name, 'right', g.privilege)), '[]')
                  from tenancy.granted_on_columns(relation) g),
    'sequences', (select coalesce(jsonb_agg(jsonb_build_object('column', s.column_name, 'role', r.role_name, 'rights', r.rights)), '[]')
                    from tenancy.sequences_of(relation) s
                    cross join lateral (values ('tenancy_user', tenancy.granted_on(s.sequence, 'tenancy_user')),
                                               ('tenancy_admin', tenancy.granted_on(s.sequence, 'tenancy_admin'))) r (role_name, rights)
                   where r.rights <> '{}'))
  from pg_class c where c.oid = relation
$function$;
comment on function tenancy.state_before(regclass, jsonb) is 'internal: the facts that unprotect() goes back to';

revoke execute on function
  tenancy.granted_on(regclass, name), tenancy.granted_on_columns(regclass), tenancy.sequences_of(regclass),
  tenancy.wanted_rights(jsonb, name), tenancy.missing_rights(regclass, jsonb, boolean), tenancy.rights_back(regclass, jsonb),
  tenancy.state_before(regclass, jsonb), tenancy.attributes_before(regclass, jsonb)
from public;
grant execute on function
  tenancy.granted_on(regclass, name), tenancy.granted_on_columns(regclass), tenancy.sequences_of(regclass),
  tenancy.wanted_rights(jsonb, name), tenancy.missing_rights(regclass, jsonb, boolean), tenancy.rights_back(regclass, jsonb),
  tenancy.state_before(regclass, jsonb), tenancy.attributes_before(regclass, jsonb)
to pg_database_owner;
-- What protection asks of one relation, computed from the catalog as the list of statements that are missing: where
-- nothing is missing the list is empty. Queries that run for each table are in PL/pgSQL, which keeps their plans. The policies hold columns, = and the readers of the context, nothing else.

create function tenancy.wanted_policies(relation regclass, options jsonb)
  returns table (policy name, permissive boolean, command text, role_name name, readable text, writable text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with predicate as (
      select format('(%I = %s)', t.attname, tenancy.reader_for(t.atttypid)) as tenant,
             '(' || quote_ident(o.attname) || ' = ' || tenancy.user_reader_for(o.atttypid) || ')' as owner,
             -- A row without a tenant is for all who have a context, and for nobody else.
             format('((%I IS NULL) AND (%s IS NOT NULL))', t.attname, tenancy.reader_for(t.atttypid)) as shared
        from pg_attribute t
        left join pg_attribute o on o.attrelid = t.attrelid and o.attname = options ->> 'owner_column'
       where t.attrelid = relation and t.attname = options ->> 'column'
    ), p as (
      select case when owner is null then tenant else format('(%s AND %s)', tenant, owner) end as own, shared,
             -- In the order in which Postgres puts the policies together, so that the wall is equal to them and costs nothing.
             format('(%s OR %s)', case when owner is null then tenant else format('(%s AND %s)', tenant, owner) end, shared) as own_or_shared,
             (options ->> 'shared')::boolean as is_shared
        from predicate
    )
    select w.policy, w.permissive, w.command, w.role_name, w.readable, w.writable
      from p
      cross join lateral (values
        ('tenancy_tenant'::name, true, 'all', 'public'::name, own, own, true),
        ('tenancy_wall', false, 'all', 'tenancy_user', own, own, not is_shared),
        ('tenancy_shared', true, 'select', 'public', shared, null, is_shared),
        -- One wall for each command: shared rows are for reading.
        ('tenancy_wall', false, 'select', 'tenancy_user', own_or_shared, null, is_shared),
        ('tenancy_wall_insert', false, 'insert', 'tenancy_user', null, own, is_shared),
        ('tenancy_wall_update', false, 'update', 'tenancy_user', own, own, is_shared),
        ('tenancy_wall_delete', false, 'delete', 'tenancy_user', own, null, is_shared),
        ('tenancy_bypass', true, 'all', 'tenancy_admin', 'tenancy.bypassing()', 'tenancy.bypassing()', true),
        -- Who gets at the role tenancy_admin inside a tenant's context has no more rights there, but fewer.
        ('tenancy_bypass_wall', false, 'all', 'tenancy_admin', 'tenancy.bypassing()', 'tenancy.bypassing()', true)
      ) as w (policy, permissive, command, role_name, readable, writable, wanted)
     where w.wanted
    union all
    select 'tenancy_reference', true, 'select', 'public', 'true', null where options ->> 'kind' = 'reference';
end
$function$;
comment on function tenancy.wanted_policies(regclass, jsonb) is 'internal: the policies that a relation protected with these options has';

create function tenancy.our_policies() returns name[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select array['tenancy_tenant', 'tenancy_wall', 'tenancy_wall_insert', 'tenancy_wall_update', 'tenancy_wall_delete',
               'tenancy_shared', 'tenancy_bypass', 'tenancy_bypass_wall', 'tenancy_reference']::name[]
$function$;
comment on function tenancy.our_policies() is 'internal: names of all policies that tenancy.protect() makes';

create function tenancy.policy_command(command text) returns "char"
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select (case command when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' when 'delete' then 'd' else '*' end)::"char"
$function$;
comment on function tenancy.policy_command(text) is 'internal: a command as pg_policy writes it';

create function tenancy.missing_policies(relation regclass, options jsonb) returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with wanted as materialized (
      select w.*, tenancy.policy_command(w.command) as polcmd,
             array[case w.role_name when 'public' then 0 else (select r.oid from pg_roles r where r.rolname = w.role_name) end] as polroles
        from tenancy.wanted_policies(relation, options) w
    ), present as materialized (
      select p.*, pg_get_expr(p.polqual, p.polrelid) as readable, pg_get_expr(p.polwithcheck, p.polrelid) as writable
        from pg_policy p where p.polrelid = relation and p.polname = any (tenancy.our_policies())
    )
    select case when p.polname is null then 'create policy' else 'replace policy' end,
           case when p.polname is null then '' else format('drop policy %I on %s; ', w.policy, relation) end
           || format('create policy %I on %s as %s for %s to %s', w.policy, relation,
                     case when w.permissive then 'permissive' else 'restrictive' end, w.command, w.role_name)
           || coalesce(' using (' || w.readable || ')', '') || coalesce(' with check (' || w.writable || ')', '')
      from wanted w left join present p on p.polname = w.policy
     where (p.polcmd, p.polpermissive, p.polroles, p.readable, p.writable)
           is distinct from (w.polcmd, w.permissive, w.polroles, w.readable, w.writable)
    union all
    select 'drop policy', format('drop policy %I on %s', p.polname, relation)
      from present p where p.polname not in (select w.policy from wanted w);
end
$function$;
comment on function tenancy.missing_policies(regclass, jsonb) is 'internal: the statements that make the policies of one relation as they should be';

-- Clipped by bytes, as Postgres counts, and numbered where the name is taken.
create function tenancy.free_name(relation regclass, suffix text) returns name
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  schema oid;
  base text;
  number integer := 0;
  candidate name;
begin
  select c.relnamespace, c.relname into schema, base from pg_class c where c.oid = relation;
  while octet_length(base) > 58 - octet_length(suffix) loop
    base := left(base, -1);
  end loop;
  loop
    candidate := concat_ws('_', base, suffix, nullif(number, 0));
    if not exists (select from pg_class c where c.relname = candidate and c.relnamespace = schema)
       and not exists (select from pg_constraint k where k.conname = candidate and k.conrelid = relation) then
      return candidate;
    end if;
    number := number + 1;
  end loop;
end
$function$;
comment on function tenancy.free_name(regclass, text) is 'internal: a name for an index or constraint of a table that nothing else has';

create function tenancy.missing_protection(relation regclass, options jsonb, is_child boolean)
  returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  class pg_class;
  tenant pg_attribute;
  owner pg_attribute;
  attribute pg_attribute;
  key_columns int2[];
  is_registry boolean;
begin
  select c.* into strict class from pg_class c where c.oid = relation;
  -- Policies before row security is enabled: nobody is locked out in between, and nobody is let in.
  return query select m.step, m.statement from tenancy.missing_policies(relation, options) m;
  if not class.relrowsecurity then
    step := 'enable row security';
    statement := format('alter table %s enable row level security', relation);
    return next;
  end if;
  if options ->> 'kind' = 'reference' then
    -- Not forced: nobody's rows are in it, and its owner fills it.
    return query select m.step, m.statement from tenancy.missing_rights(relation, options, is_child) m;
    return;
  end if;
  if not class.relforcerowsecurity then
    step := 'force row security';
    statement := format('alter table %s force row level security', relation);
    return next;
  end if;

  select a.* into strict tenant from pg_attribute a where a.attrelid = relation and a.attname = options ->> 'column';
  select a.* into owner from pg_attribute a where a.attrelid = relation and a.attname = options ->> 'owner_column';
  select i.indkey::int2[], i.indnkeyatts = 1 and i.indkey[0] = tenant.attnum into key_columns, is_registry
    from pg_index i where i.indrelid = relation and i.indisprimary;

  -- A table of tenants, whose key the column is, has no tenant to default to. ONLY: a child may have a default of its own.
  foreach attribute in array array[tenant, owner] loop
    if attribute.attnum is not null and not attribute.atthasdef and attribute.attidentity = ''
       and not (attribute.attnum = tenant.attnum and coalesce(is_registry, false)) then
      step := 'default from the context';
      statement := format('alter table only %s alter column %I set default %s', relation, attribute.attname,
        case when attribute.attnum = tenant.attnum then tenancy.reader_for(attribute.atttypid) else tenancy.user_reader_for(attribute.atttypid) end);
      return next;
    end if;
  end loop;
  foreach attribute in array array[tenant, owner] loop
    if attribute.attnum is null then
      continue;
    end if;
    if (options ->> 'shared')::boolean then
      if attribute.attnotnull and not is_child then
        step := 'null allowed';
        statement := format('alter table %s alter column %I drop not null', relation, attribute.attname);
        return next;
      end if;
    elsif not attribute.attnotnull then
      step := 'not null';
      statement := format('alter table %s alter column %I set not null', relation, attribute.attname);
      return next;
    end if;
  end loop;
  -- Keys that will begin with the tenant come first and may be the index. Partitions have their parent's.
  if not class.relispartition and not (options ->> 'keys')::boolean
     and not exists (select from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_am am on am.oid = ic.relam
                      where i.indrelid = relation and i.indisvalid and i.indpred is null and am.amname = 'btree'
                        and ((owner.attnum is null and i.indkey[0] = tenant.attnum)
                             or (i.indkey[0] = tenant.attnum and i.indkey[1] = owner.attnum)
                             or (i.indkey[0] = owner.attnum and i.indkey[1] = tenant.attnum))) then
    step := 'index led by the tenant';
    statement := format('create index %I on %s (%s)', tenancy.free_name(relation, 'tenancy_idx'), relation,
      (select string_agg(quote_ident(a.attname), ', ' order by k.position)
         from (select u.attnum, min(u.position) as position
                 from unnest(array[tenant.attnum, owner.attnum] || key_columns) with ordinality as u (attnum, position)
                group by u.attnum) k
         join pg_attribute a on a.attrelid = relation and a.attnum = k.attnum));
    return next;
  end if;
  return query select m.step, m.statement from tenancy.missing_rights(relation, options, is_child) m;
end
$function$;
comment on function tenancy.missing_protection(regclass, jsonb, boolean) is 'internal: the statements that are missing for the protection of one relation';

revoke execute on function
  tenancy.wanted_policies(regclass, jsonb), tenancy.our_policies(), tenancy.policy_command(text),
  tenancy.missing_policies(regclass, jsonb), tenancy.free_name(regclass, text), tenancy.missing_protection(regclass, jsonb, boolean)
from public;
grant execute on function
  tenancy.wanted_policies(regclass, jsonb), tenancy.our_policies(), tenancy.policy_command(text),
  tenancy.missing_policies(regclass, jsonb), tenancy.free_name(regclass, text), tenancy.missing_protection(regclass, jsonb, boolean)
to pg_database_owner;
-- protect() and unprotect(): they run what the lists of missing statements hold, so the same call again finds nothing to
-- do. All of it runs with the caller's rights: the table's owner, or a superuser.

create function tenancy.run_as_owner(table_name regclass, statement text) returns bigint
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_run_as_owner';
comment on function tenancy.run_as_owner(regclass, text) is
  'internal: runs a statement as the owner of a table, in a security-restricted operation; for those who have the owner''s rights';

-- Statements that read a table's rows must meet all of them: under FORCE the owner would be shown none, and a foreign key
-- that is checked on the rows one sees is not checked. Nobody else gets in between: the lock is exclusive. They run as the
-- owner, whose functions in constraints, indexes and casts the planner may call.
create function tenancy.run_on_rows(relation regclass, others regclass[], statement text) returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  forced regclass[] := array(select c.oid::regclass from pg_class c where c.oid = any (others || relation) and c.relforcerowsecurity order by c.oid);
  held regclass;
  answer bigint;
begin
  foreach held in array forced loop
    execute format('alter table only %s no force row level security', held);
  end loop;
  answer := tenancy.run_as_owner(relation, statement);
  foreach held in array forced loop
    execute format('alter table only %s force row level security', held);
  end loop;
  return answer;
end
$function$;
comment on function tenancy.run_on_rows(regclass, regclass[], text) is
  'internal: runs a statement that must see every row of tables whose owner is held by their policies';

create function tenancy.run_step(relation regclass, step text, statement text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  tree regclass[];
  member regclass;
  empty_column name;
  nulls bigint;
begin
  if step <> 'not null' then
    execute statement;
    return;
  end if;
  select a.attname into strict empty_column
    from pg_attribute a
   where a.attrelid = relation and statement = format('alter table %s alter column %I set not null', relation, a.attname);
  tree := array(select r from tenancy.with_children(relation) with ordinality as t (r, depth) order by depth desc);
  select c.oid into member
    from pg_class c join pg_class root on root.oid = relation
   where c.oid = any (tree) and c.relispartition and c.relowner <> root.relowner limit 1;
  if found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('partition %s belongs to another role than %s', member, relation),
      hint = format('alter table %s owner to %I', member, (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = relation));
  end if;
  begin
    -- From the leaves up, each as its own owner: a child may be somebody else's. No policy keeps rows from ALTER TABLE.
    foreach member in array tree loop
      if exists (select from pg_attribute a where a.attrelid = member and a.attname = empty_column and not a.attnotnull) then
        perform tenancy.run_as_owner(member, format('alter table only %s alter column %I set not null', member, empty_column));
      end if;
    end loop;
    return;
  exception when not_null_violation then
    null; -- counted below
  end;
  nulls := tenancy.run_on_rows(relation, tree, format('select count(*) from %s where %I is null', relation, empty_column));
  raise exception using
    errcode = 'not_null_violation',
    message = format('column %I of table %s holds NULL in %s rows', empty_column, relation, nulls),
    detail = 'Nobody would see such a row.',
    hint = 'Fill the column in each row, then call tenancy.protect() again. Rows for all tenants are protected with shared => true.';
end
$function$;
comment on function tenancy.run_step(regclass, text, text) is 'internal: runs one statement of a protection; counts the rows that stand in the way of NOT NULL';

-- before is what state_before() said of a relation that was not protected yet, NULL of one that was.
create function tenancy.protect_relation(relation regclass, options jsonb, before jsonb, is_child boolean)
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  note jsonb := coalesce(before, tenancy.protection_note(relation), '{}');
  unreadable boolean := note = '{}' and exists (
    select from pg_policy p where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference'));
  missing record;
begin
  if note ? 'row_security' then
    note := jsonb_set(note, '{attributes}', tenancy.attributes_before(relation, options)
      || case when jsonb_typeof(note -> 'attributes') = 'object' then note -> 'attributes' else '{}' end);
  end if;
  for missing in select m.* from tenancy.missing_protection(relation, options, is_child) m loop
    if missing.step = 'index led by the tenant' then
      note := note || jsonb_build_object('index', tenancy.free_name(relation, 'tenancy_idx'));
    end if;
    perform tenancy.run_step(relation, missing.step, missing.statement);
    step := missing.step;
    statement := missing.statement;
    return next;
  end loop;
  perform tenancy.write_note(relation, note || options
    || jsonb_build_object('keys', options -> 'keys' = 'true' or coalesce(note -> 'keys' = 'true', false)));
  if unreadable then
    step := 'left: the note of what was there before cannot be read, so unprotect will leave row security on';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.protect_relation(regclass, jsonb, jsonb, boolean) is 'internal: protects one relation and keeps the note';

create function tenancy.protect_tree(table_name regclass, options jsonb) returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relations regclass[] := array(select r from tenancy.with_children(table_name) r);
  member regclass;
  befores jsonb;
begin
  foreach member in array relations loop
    perform tenancy.require_protectable(member, options);
  end loop;
  -- Another tenant column, or another kind: from the beginning.
  foreach member in array relations loop
    if exists (select from tenancy.protection p
                where p.relation = member
                  and (p.kind, p.tenant_column::text) is distinct from (options ->> 'kind', options ->> 'column')) then
      return query select u.step, u.statement from tenancy.unprotect(member) u;
    end if;
  end loop;
  -- Of all before the first is changed: NOT NULL comes down from a parent.
  befores := (select jsonb_object_agg(r::oid, case when not exists (
                       select from pg_policy p where p.polrelid = r and p.polname = any (tenancy.our_policies()))
                     then tenancy.state_before(r, options) end)
                from unnest(relations) r);
  foreach member in array relations loop
    return query select p.step, p.statement
      from tenancy.protect_relation(member, options, nullif(befores -> (member::oid)::text, 'null'), member <> table_name) p;
  end loop;
  -- Not granted along: a schema holds more than this table.
  return query
    select 'left: tenancy_user and tenancy_admin do not reach the table without USAGE on its schema',
           format('grant usage on schema %I to tenancy_user, tenancy_admin', n.nspname)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = table_name
       and not (has_schema_privilege('tenancy_user', n.oid, 'usage') and has_schema_privilege('tenancy_admin', n.oid, 'usage'));
end
$function$;
comment on function tenancy.protect_tree(regclass, jsonb) is 'internal: protects a table with its partitions and children';

create function tenancy.protect(
  table_name regclass, tenant_column name default 'tenant_id', access text default 'write', owner_column name default null,
  shared boolean default false, reference boolean default false, keys boolean default false)
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  options jsonb := tenancy.protect_options(table_name, tenant_column, access, owner_column, shared, reference, keys);
  relations regclass[];
  changed boolean := false;
begin
  for step, statement in select p.step, p.statement from tenancy.protect_tree(table_name, options) p loop
    changed := changed or step not like 'left:%';
    return next;
  end loop;
  if keys then
    relations := array(select r from tenancy.with_children(table_name) r);
    for step, statement in
      select k.step, k.statement from tenancy.make_keys(relations) k
      union all
      -- The index, where no key has become one.
      select p.step, p.statement from tenancy.protect_tree(table_name, options || '{"keys": false}') p where p.step not like 'left:%'
    loop
      changed := changed or step not like 'left:%';
      return next;
    end loop;
  end if;
  if not changed then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.protect(regclass, name, text, name, boolean, boolean, boolean) is
  'makes a table safe: row security forced, policies, default, NOT NULL, index and rights, for its partitions and children too, and with keys => true its keys; tells each statement it ran';

-- What a relation needs to be as it was, except for its keys.
create function tenancy.way_back(relation regclass) returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  note jsonb := coalesce(tenancy.protection_note(relation), '{}');
begin
  return query
    select 'drop policy', format('drop policy %I on %s', p.polname, relation)
      from pg_policy p where p.polrelid = relation and p.polname = any (tenancy.our_policies() || tenancy.restriction_policies());
  if not note ? 'row_security' then
    -- Closed is the safe side.
    step := 'left: the note of what was there before cannot be read, so row security stays on and shows no row';
    statement := format('-- alter table %1$s no force row level security; alter table %1$s disable row level security', relation);
    return next;
  end if;
  return query
    select 'row security as it was', format('alter table only %s no force row level security', relation)
      from pg_class c where c.oid = relation and c.relforcerowsecurity and note -> 'forced' = 'false'
    union all
    select 'row security as it was', format('alter table %s disable row level security', relation)
      from pg_class c where c.oid = relation and c.relrowsecurity and note -> 'row_security' = 'false'
    union all
    select 'no default', format('alter table only %s alter column %I drop default', relation, a.attname)
      from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = relation and note -> 'attributes' -> a.attname::text -> 'no_default' = 'true'
       and pg_get_expr(d.adbin, d.adrelid) in (tenancy.reader_for(a.atttypid), tenancy.user_reader_for(a.atttypid))
    union all
    select case when a.attnotnull then 'null allowed' else 'not null' end,
           format('alter table %s alter column %I %s not null', relation, a.attname, case when a.attnotnull then 'drop' else 'set' end)
      from pg_attribute a
     where a.attrelid = relation and note -> 'attributes' -> a.attname::text -> 'nullable' = to_jsonb(a.attnotnull)
       and not (a.attnotnull and exists (
             select from pg_index i where i.indrelid = relation and i.indisprimary and a.attnum = any (i.indkey::int2[])))
       and not (a.attnotnull and exists (
             select from pg_inherits i join pg_attribute up on up.attrelid = i.inhparent and up.attname = a.attname and up.attnotnull
              where i.inhrelid = relation))
    union all
    -- An owner who rewrites the note loses an index of his own by it, and no more.
    select 'drop index', format('drop index %I.%I', n.nspname, ic.relname)
      from pg_index i
      join pg_class ic on ic.oid = i.indexrelid
      join pg_namespace n on n.oid = ic.relnamespace
     where i.indrelid = relation and ic.relname = note ->> 'index' and not i.indisunique
    union all
    select r.step, r.statement from tenancy.rights_back(relation, note) r;
end
$function$;
comment on function tenancy.way_back(regclass) is 'internal: the statements that take one relation''s protection back';

create function tenancy.unprotect_relations(relations regclass[]) returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  guarded regclass[] := array(
    select r from unnest(relations) with ordinality as u (r, position)
     where exists (select from pg_policy p where p.polrelid = r and p.polname = any (tenancy.our_policies()))
     order by u.position);
begin
  foreach relation in array guarded loop
    perform tenancy.require_table(relation);
  end loop;
  return query select k.relation, k.step, k.statement from tenancy.unmake_keys(guarded) k;
  foreach relation in array guarded loop
    for step, statement in select b.step, b.statement from tenancy.way_back(relation) b loop
      if step not like 'left:%' then
        perform tenancy.run_step(relation, step, statement);
      end if;
      return next;
    end loop;
  end loop;
end
$function$;
comment on function tenancy.unprotect_relations(regclass[]) is 'internal: takes the protection of some relations back, those that have one';

create function tenancy.unprotect(table_name regclass)
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  changed boolean := false;
begin
  if table_name is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'unprotect needs a table',
      hint = 'tenancy.unprotect(''schema.table'')';
  end if;
  perform tenancy.require_table(table_name);
  for step, statement in
    select u.step, u.statement from tenancy.unprotect_relations(array(select r from tenancy.with_children(table_name) r)) u
  loop
    changed := changed or step not like 'left:%';
    return next;
  end loop;
  if not changed then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.unprotect(regclass) is
  'takes tenancy.protect() back: policies, row security, default, NOT NULL, index, keys and rights are as they were before';

revoke execute on function
  tenancy.run_as_owner(regclass, text), tenancy.run_on_rows(regclass, regclass[], text), tenancy.run_step(regclass, text, text),
  tenancy.protect_relation(regclass, jsonb, jsonb, boolean), tenancy.protect_tree(regclass, jsonb),
  tenancy.way_back(regclass), tenancy.unprotect_relations(regclass[]), tenancy.unprotect(regclass),
  tenancy.protect(regclass, name, text, name, boolean, boolean, boolean)
from public;
grant execute on function
  tenancy.run_as_owner(regclass, text), tenancy.run_on_rows(regclass, regclass[], text), tenancy.run_step(regclass, text, text),
  tenancy.protect_relation(regclass, jsonb, jsonb, boolean), tenancy.protect_tree(regclass, jsonb),
  tenancy.way_back(regclass), tenancy.unprotect_relations(regclass[]), tenancy.unprotect(regclass),
  tenancy.protect(regclass, name, text, name, boolean, boolean, boolean)
to pg_database_owner;
-- What is protected, read from the catalog: the one reader of it for everything that comes after. Many rules of
-- tenancy.check() ask it, so it must stay cheap for thousands of tables.

create view tenancy.protection as
  select c.oid::regclass as relation,
         c.relowner,
         c.relkind,
         case p.polname when 'tenancy_reference' then 'reference' else 'tenant' end as kind,
         a.attname as tenant_column,
         a.attnum as tenant_attnum,
         a.atttypid as tenant_type,
         o.attname as owner_column,
         o.attnum as owner_attnum,
         exists (select from pg_catalog.aclexplode(c.relacl) g
                  where g.privilege_type = 'INSERT'
                     and g.grantee = (select r.oid from pg_catalog.pg_roles r where r.rolname = 'tenancy_user')) as writable,
         exists (select from pg_catalog.pg_policy s where s.polrelid = c.oid and s.polname = 'tenancy_shared') as shared,
         -- A table of the tenants themselves: its key is the tenant.
         exists (select from pg_catalog.pg_index i
                  where i.indrelid = c.oid and i.indisprimary and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as registry,
         exists (select from pg_catalog.pg_inherits h
                   join pg_catalog.pg_policy pp on pp.polrelid = h.inhparent and pp.polname = p.polname
                  where h.inhrelid = c.oid) as is_child
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid
    -- The stored tree rather than pg_get_expr(), which costs ten times as much: the first column in it is the tenant's,
    -- the second the owner's. OFFSET 0: once for each policy, not once for each column of its table.
    cross join lateral (
      select pg_catalog.substring(p.polqual::pg_catalog.text, ':varattno (\d+)')::pg_catalog.int2 as tenant,
             pg_catalog.substring(p.polqual::pg_catalog.text, ':varattno \d+ .*:varattno (\d+)')::pg_catalog.int2 as owner
      offset 0) v
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = v.tenant
    left join pg_catalog.pg_attribute o on o.attrelid = c.oid and o.attnum = v.owner
   where p.polname in ('tenancy_tenant', 'tenancy_reference');
comment on view tenancy.protection is 'internal: relations that tenancy.protect() covers, with their columns and options; read from the policies';
comment on column tenancy.protection.relation is 'the table, partition or child';
comment on column tenancy.protection.relowner is 'its owner';
comment on column tenancy.protection.relkind is 'r: table, p: partitioned table';
comment on column tenancy.protection.kind is 'tenant: each row belongs to a tenant; reference: the same rows for all';
comment on column tenancy.protection.tenant_column is 'column that holds the tenant';
comment on column tenancy.protection.tenant_attnum is 'its number';
comment on column tenancy.protection.tenant_type is 'its type';
comment on column tenancy.protection.owner_column is 'column that holds the user, where rows belong to a user inside the tenant';
comment on column tenancy.protection.owner_attnum is 'its number';
comment on column tenancy.protection.writable is 'whether tenancy_user may write';
comment on column tenancy.protection.shared is 'whether rows without a tenant are there for all to read';
comment on column tenancy.protection.registry is 'whether it is a table of the tenants themselves';
comment on column tenancy.protection.is_child is 'whether a parent is protected too';
revoke all on tenancy.protection from public;
grant select on tenancy.protection to pg_database_owner;

-- Who an attacker may be: the extension's roles for statements, the gateway's, and every login that is a member of them.
create view tenancy.exposed_role as
  with recursive exposed (oid) as (
    select r.oid from pg_catalog.pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
    union
    -- Operators are people who answer for what they do: being one exposes nobody.
    select m.member from pg_catalog.pg_auth_members m join exposed on m.roleid = exposed.oid
     where m.member not in (select r.oid from pg_catalog.pg_roles r where r.rolname = 'tenancy_operator')
  )
  select r.oid, r.rolname as name, r.rolcanlogin as can_login
    from exposed join pg_catalog.pg_roles r on r.oid = exposed.oid
   where not r.rolsuper;
comment on view tenancy.exposed_role is 'internal: roles whose statements an attacker may write: tenancy_user, tenancy_admin, tenancy_gateway and their members';
comment on column tenancy.exposed_role.oid is 'the role';
comment on column tenancy.exposed_role.name is 'its name';
comment on column tenancy.exposed_role.can_login is 'whether it can log in';
revoke all on tenancy.exposed_role from public;

-- What each of them can become, inherited or by SET ROLE; itself included. pg_database_owner has no rows of membership.
create view tenancy.reachable_role as
  with recursive reach (exposed, role) as (
    select e.oid, e.oid from tenancy.exposed_role e
    union
    select reach.exposed, step.role
      from reach
      join (select m.member, m.roleid as role from pg_catalog.pg_auth_members m
            union all
            select d.datdba, r.oid from pg_catalog.pg_database d, pg_catalog.pg_roles r
             where d.datname = pg_catalog.current_database() and r.rolname = 'pg_database_owner') step
        on step.member = reach.role
  )
  select reach.exposed, reach.role from reach;
comment on view tenancy.reachable_role is 'internal: the roles that each exposed role is or can become';
comment on column tenancy.reachable_role.exposed is 'an exposed role';
comment on column tenancy.reachable_role.role is 'a role that it is or can become';
revoke all on tenancy.reachable_role from public;
-- The options of a protected relation, and those that come to a relation from its parent.

-- Rights are on the root of a tree.
create function tenancy.tenants_write(relation regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive up (relation) as (
    select tenants_write.relation
    union
    select i.inhparent::regclass from pg_inherits i join up on i.inhrelid = up.relation
  )
  select coalesce(bool_or('insert' = any (tenancy.granted_on(up.relation, 'tenancy_user'))), false) from up
$function$;
comment on function tenancy.tenants_write(regclass) is 'internal: whether tenants may write to a relation, by its own name or through a parent';

-- One row at most, found through the indexes of the catalog: the view joined for all tables costs a hundred times as much.
create function tenancy.protection_of(relation regclass) returns setof tenancy.protection
  language plpgsql stable rows 1
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return query select p.* from tenancy.protection p where p.relation = protection_of.relation;
end
$function$;
comment on function tenancy.protection_of(regclass) is 'internal: how one relation is protected; no row where it is not';

-- From the policies and rights, which an owner cannot rewrite without changing what they do.
create function tenancy.options_of(relation regclass) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'kind', p.kind,
    'column', p.tenant_column,
    'access', case when p.kind = 'tenant' and tenancy.tenants_write(p.relation) then 'write' else 'read' end,
    'owner_column', p.owner_column,
    'shared', p.shared,
    'keys', coalesce(tenancy.protection_note(p.relation) -> 'keys' = 'true', false))
    from tenancy.protection_of(relation) p
$function$;
comment on function tenancy.options_of(regclass) is 'internal: the options that a protected relation is protected with; no row for others';

-- A partition or child that came later: as its parent is.
create function tenancy.protect_like_parent(child regclass) returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  options jsonb;
  changed boolean := false;
  relation regclass;
begin
  select tenancy.options_of(p.relation) || '{"keys": false}' into options
    from pg_inherits i join tenancy.protection p on p.relation = i.inhparent
   where i.inhrelid = child
   order by i.inhseqno limit 1;
  if not found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s has no protected parent', child),
      hint = 'Protect the table itself: tenancy.protect(table, ''column'').';
  end if;
  for relation in select r from tenancy.with_children(child) r loop
    perform tenancy.require_protectable(relation, options);
    for step, statement in
      select p.step, p.statement
        from tenancy.protect_relation(relation, options, case when not exists (
               select from pg_policy p where p.polrelid = relation and p.polname = any (tenancy.our_policies()))
             then tenancy.state_before(relation, options) end, true) p
    loop
      changed := changed or step not like 'left:%';
      return next;
    end loop;
  end loop;
  if not changed then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.protect_like_parent(regclass) is 'internal: protects a partition or inheritance child as its parent is protected; tells each statement it ran';

revoke execute on function
  tenancy.tenants_write(regclass), tenancy.protection_of(regclass), tenancy.options_of(regclass), tenancy.protect_like_parent(regclass)
from public;
grant execute on function
  tenancy.tenants_write(regclass), tenancy.protection_of(regclass), tenancy.options_of(regclass), tenancy.protect_like_parent(regclass)
to pg_database_owner;
-- Keys that hold tenants apart: a foreign key that names the tenant on both sides points at no other tenant's row, and a
-- unique key that begins with the tenant tells nobody that another tenant has the value. What was changed stands in the
-- note by name only; the way back is read from the catalog, by taking the tenant column out again.

-- A key that nobody can choose tells nobody anything: a column that is always generated, or a uuid drawn at random.
create function tenancy.cannot_be_chosen(key_index oid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (
    select from pg_index i
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where i.indexrelid = key_index
       and (a.attidentity = 'a'
            or (a.atttypid = 'uuid'::regtype
                and pg_get_expr(d.adbin, d.adrelid) ~ '^("?[^".()]+"?\.)?(gen_random_uuid|uuid_generate_v4|uuidv4|uuidv7)\(\)$')))
$function$;
comment on function tenancy.cannot_be_chosen(oid) is 'internal: whether a unique index has a column whose value no client chooses or guesses';

-- ---------------------------------------------------------------- statements, from the catalog
-- A constraint that is made again has lost its comment.
create function tenancy.comment_again(constraint_oid oid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(format('; comment on constraint %I on %s is ', k.conname, k.conrelid::regclass)
                  || quote_literal(obj_description(k.oid, 'pg_constraint')), '')
    from pg_constraint k where k.oid = constraint_oid
$function$;
comment on function tenancy.comment_again(oid) is 'internal: the statement that gives a constraint its comment, to be run when it has been made again; empty without one';

-- The statement that puts the tenant column at the head of a key, or takes it away there; NULL where its definition is not
-- of the form expected.
create function tenancy.rekeyed(key_index oid, tenant name, lead boolean) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  index_row pg_index;
  class pg_class;
  relation_class pg_class;
  key pg_constraint;
  definition text;
  head text;
  made text;
  body text;
  element text;
  statement text;
begin
  select i.* into strict index_row from pg_index i where i.indexrelid = key_index;
  select c.* into strict class from pg_class c where c.oid = key_index;
  select c.* into strict relation_class from pg_class c where c.oid = index_row.indrelid;
  select k.* into key from pg_constraint k
   where k.conindid = key_index and k.conrelid = index_row.indrelid and k.contype in ('p', 'u', 'x');
  if found then
    definition := pg_get_constraintdef(key.oid);
    head := substring(definition from '^[^(]*\(');
    element := format('%I%s, ', tenant, case key.contype when 'x' then ' WITH =' else '' end);
  else
    definition := pg_get_indexdef(key_index);
    made := format('%I.%I USING %I (', (select n.nspname from pg_namespace n where n.oid = relation_class.relnamespace),
                   relation_class.relname, (select am.amname from pg_am am where am.oid = class.relam));
    head := format('CREATE UNIQUE INDEX %I ON %s', class.relname, case relation_class.relkind when 'p' then 'ONLY ' else '' end) || made;
    -- On the partitions too, this time.
    made := format('create unique index %I on ', class.relname) || made;
    element := format('%I, ', tenant);
  end if;
  if not starts_with(definition, head) then
    return null;
  end if;
  body := substr(definition, length(head) + 1);
  if lead then
    body := element || body;
  elsif starts_with(body, element) then
    body := substr(body, length(element) + 1);
  else
    return null;
  end if;

  if key.oid is not null then
    statement := format('alter table %s drop constraint %I, add constraint %I %s', index_row.indrelid::regclass, key.conname, key.conname, head || body);
    statement := statement || tenancy.comment_again(key.oid);
    -- pg_get_constraintdef() leaves storage parameters out.
    statement := statement || coalesce((
      select '; alter index ' || key_index::regclass || ' set (' || string_agg(o, ', ') || ')'
        from unnest(class.reloptions) o where o ~ '^(fillfactor|deduplicate_items|buffering)=[a-z0-9]+$'), '');
  else
    statement := format('drop index %s; %s', key_index::regclass, made || body);
    statement := statement || coalesce('; comment on index ' || key_index::regclass || ' is ' || quote_literal(obj_description(key_index, 'pg_class')), '');
  end if;
  if index_row.indisreplident then
    statement := statement || format('; alter table %s replica identity using index %I', index_row.indrelid::regclass, class.relname);
  end if;
  if index_row.indisclustered then
    statement := statement || format('; alter table %s cluster on %I', index_row.indrelid::regclass, class.relname);
  end if;
  return statement;
end
$function$;
comment on function tenancy.rekeyed(oid, name, boolean) is 'internal: the statement that makes a unique key begin with the tenant column, or takes the column out again';

-- The clause that makes a foreign key again, with a pair of tenant columns or without. Its actions stay; those that empty
-- the reference leave the tenant as it is, which needs the column list of PostgreSQL 15.
create function tenancy.refounded(foreign_key oid, child_tenant name, parent_tenant name, match_full boolean, with_tenant boolean)
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with key as (
    select k.*, array(select e::int2 from jsonb_array_elements_text(nullif(to_jsonb(k) -> 'confdelsetcols', 'null')) e) as set_columns
      from pg_constraint k where k.oid = foreign_key
  ), pair as (
    select c.attnum, c.attname as child, p.attname as parent, u.position
      from key, unnest(key.conkey, key.confkey) with ordinality as u (child, parent, position)
      join pg_attribute c on c.attrelid = (select conrelid from key) and c.attnum = u.child
      join pg_attribute p on p.attrelid = (select confrelid from key) and p.attnum = u.parent
     where (c.attname, p.attname) <> (child_tenant, parent_tenant)
  ), emptied as (
    select string_agg(quote_ident(p.child), ', ' order by p.position) as columns, count(*) = (select count(*) from pair) as all_of_them
      from pair p, key where key.set_columns = '{}' or p.attnum = any (key.set_columns)
  )
  select format('add constraint %I foreign key (%s%s) references %s (%s%s)%s%s%s%s%s%s', key.conname,
    case when with_tenant then quote_ident(child_tenant) || ', ' else '' end,
    (select string_agg(quote_ident(child), ', ' order by position) from pair), key.confrelid::regclass,
    case when with_tenant then quote_ident(parent_tenant) || ', ' else '' end,
    (select string_agg(quote_ident(parent), ', ' order by position) from pair),
    case when match_full then ' match full' else '' end,
    case key.confupdtype when 'r' then ' on update restrict' when 'c' then ' on update cascade' when 'n' then ' on update set null' when 'd' then ' on update set default' else '' end,
    case key.confdeltype when 'r' then ' on delete restrict' when 'c' then ' on delete cascade' when 'n' then ' on delete set null' when 'd' then ' on delete set default' else '' end,
    case when key.confdeltype in ('n', 'd') and (with_tenant or not emptied.all_of_them) then format(' (%s)', emptied.columns) else '' end,
    case when key.condeferrable then ' deferrable' || case when key.condeferred then ' initially deferred' else '' end else '' end,
    case when not key.convalidated then ' not valid' else '' end)
  from key, emptied
$function$;
comment on function tenancy.refounded(oid, name, name, boolean, boolean) is 'internal: the clause that makes a foreign key again, with the tenant or without';

-- ---------------------------------------------------------------- what stands in the way
-- Foreign keys between two protected tables, with both sides' tenant columns.
create function tenancy.foreign_keys_of(relations regclass[])
  returns table (foreign_key oid, name name, child regclass, parent regclass, child_tenant name, parent_tenant name,
                 has_tenant boolean, match_full boolean, key_index oid, obstacle text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select k.oid, k.conname, k.conrelid::regclass, k.confrelid::regclass, c.tenant_column, p.tenant_column,
           held.has_tenant, k.confmatchtype = 'f', k.conindid,
           case
             when held.has_tenant then null
             when p.tenant_attnum = any (k.confkey) then 'it refers to a tenant that is not the row''s own'
             when c.tenant_attnum = any (k.conkey) then 'its tenant column refers to something else'
             when c.tenant_type <> p.tenant_type and not (c.tenant_type in ('int4'::regtype, 'int8'::regtype) and p.tenant_type in ('int4'::regtype, 'int8'::regtype))
               then 'the tenant columns are of different types'
             when c.shared or p.shared then 'shared rows have no tenant'
             when k.confupdtype in ('n', 'd') then 'ON UPDATE SET NULL or SET DEFAULT would take the tenant away too'
             when k.confdeltype in ('n', 'd') and current_setting('server_version_num')::integer < 150000
               then 'ON DELETE SET NULL or SET DEFAULT that spares the tenant needs PostgreSQL 15'
             when k.confmatchtype = 'f' and cardinality(k.conkey) > 1 and exists (
                    select from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey) and not a.attnotnull)
               then 'MATCH FULL over several columns that may be NULL has no form with the tenant'
             when c.relowner <> p.relowner then 'the two tables belong to different roles'
           end
      from (select f.* from pg_constraint f
             where f.contype = 'f' and f.conparentid = 0 and (f.conrelid = any (relations) or f.confrelid = any (relations)) offset 0) k
      join lateral tenancy.protection_of(k.conrelid) c on c.kind = 'tenant'
      join lateral tenancy.protection_of(k.confrelid) p on p.kind = 'tenant'
      cross join lateral (
        select coalesce(bool_or(u.child = c.tenant_attnum and u.parent = p.tenant_attnum), false) as has_tenant
          from unnest(k.conkey, k.confkey) as u (child, parent)) held
     order by k.conrelid::regclass::text, k.conname;
end
$function$;
comment on function tenancy.foreign_keys_of(regclass[]) is 'internal: the foreign keys of and to some relations, between protected tables, and what forbids to give them the tenant';

-- Unique keys without the tenant that somebody could choose the values of.
create function tenancy.open_keys_of(relations regclass[])
  returns table (key_index oid, name name, relation regclass, tenant_column name, obstacle text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with movable as materialized (
      select f.foreign_key from tenancy.foreign_keys_of(relations) f where f.obstacle is null
    ), blocking as materialized (
      select distinct on (k.conindid) k.conindid, k.conname as name, k.conrelid::regclass as child
        from pg_constraint k
       where k.contype = 'f' and k.conparentid = 0 and k.confrelid = any (relations)
         and k.oid not in (select m.foreign_key from movable m)
       order by k.conindid, k.conname
    )
    select i.indexrelid, ic.relname, p.relation, p.tenant_column,
           case
             when p.registry then 'each row of this table is a tenant'
             when p.shared then 'shared rows have no tenant'
             when p.tenant_attnum = any (i.indkey::int2[]) then 'its INCLUDE columns hold the tenant'
             when i.indisexclusion and not exists (
                    select from pg_opclass o where o.opcmethod = ic.relam and o.opcintype = p.tenant_type and o.opcdefault)
               then 'the index cannot hold the tenant without the extension btree_gist'
             when f.conindid is not null then format('foreign key %I of table %s refers to it and stays without the tenant', f.name, f.child)
             when tenancy.rekeyed(i.indexrelid, p.tenant_column, true) is null then 'its definition is of an unexpected form'
           end
      from unnest(relations) r
      join lateral tenancy.protection_of(r) p on p.kind = 'tenant'
      join pg_index i on i.indrelid = p.relation and (i.indisunique or i.indisexclusion) and i.indisvalid
      join pg_class ic on ic.oid = i.indexrelid
      left join blocking f on f.conindid = i.indexrelid
     where tenancy.tenants_write(p.relation)
       and not p.tenant_attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
       and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
       and (i.indisexclusion or not tenancy.cannot_be_chosen(i.indexrelid))
     order by p.relation::text, i.indisprimary desc, ic.relname;
end
$function$;
comment on function tenancy.open_keys_of(regclass[]) is 'internal: unique keys of some protected tables without the tenant, and what forbids to put it at their head';

revoke execute on function
  tenancy.cannot_be_chosen(oid), tenancy.rekeyed(oid, name, boolean), tenancy.refounded(oid, name, name, boolean, boolean),
  tenancy.comment_again(oid), tenancy.foreign_keys_of(regclass[]), tenancy.open_keys_of(regclass[])
from public;
grant execute on function
  tenancy.cannot_be_chosen(oid), tenancy.rekeyed(oid, name, boolean), tenancy.refounded(oid, name, name, boolean, boolean),
  tenancy.comment_again(oid), tenancy.foreign_keys_of(regclass[]), tenancy.open_keys_of(regclass[])
to pg_database_owner;
-- Puts the tenant into the keys that foreign_keys_of() and open_keys_of() list.

-- Rows that point at another tenant's; both tables' own operators, which need not be in any search_path.
create function tenancy.strangers_of(foreign_key oid, child_tenant name, parent_tenant name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('select count(*) from %s%s c join %s%s p on %s where not p.%I operator(pg_catalog.=) c.%I',
    case cc.relkind when 'p' then '' else 'only ' end, k.conrelid::regclass,
    case pc.relkind when 'p' then '' else 'only ' end, k.confrelid::regclass,
    (select string_agg(format('p.%I operator(%I.%s) c.%I', pa.attname, n.nspname, o.oprname, ca.attname), ' and ')
       from unnest(k.conkey, k.confkey, k.conpfeqop) as u (child, parent, operator)
       join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.child
       join pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.parent
       join pg_operator o on o.oid = u.operator
       join pg_namespace n on n.oid = o.oprnamespace),
    parent_tenant, child_tenant)
    from pg_constraint k
    join pg_class cc on cc.oid = k.conrelid
    join pg_class pc on pc.oid = k.confrelid
   where k.oid = foreign_key
$function$;
comment on function tenancy.strangers_of(oid, name, name) is 'internal: the query that counts the rows of a foreign key that point at another tenant''s row';

create function tenancy.run_foreign_key(child regclass, parent regclass, statement text, strangers text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relations regclass[] := array(select r from tenancy.with_children(child) r union select r from tenancy.with_children(parent) r);
  number bigint;
begin
  perform tenancy.run_on_rows(child, relations, statement);
exception when foreign_key_violation then
  number := tenancy.run_on_rows(child, relations, strangers);
  raise exception using
    errcode = 'foreign_key_violation',
    message = format('%s rows of table %s refer to rows of another tenant in %s', number, child, parent),
    detail = 'A foreign key with the tenant holds only where both rows are of one tenant.',
    hint = 'Give each row a parent of its own tenant, or none, then call again.';
end
$function$;
comment on function tenancy.run_foreign_key(regclass, regclass, text, text) is
  'internal: makes a foreign key, checked on all rows; counts those that point at another tenant''s row';

-- Whether a table has a unique key of exactly these columns, which a foreign key can refer to.
create function tenancy.has_unique(relation regclass, columns int2[]) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (
    select from pg_index i
     where i.indrelid = relation and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
       and array(select unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) order by 1) = array(select unnest(columns) order by 1))
$function$;
comment on function tenancy.has_unique(regclass, int2[]) is 'internal: whether a table has a unique key of exactly these columns';

-- Unique keys first, each with the foreign keys that refer to it; then the foreign keys that are left.
create function tenancy.make_keys(relations regclass[]) returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  key record;
  foreign_key record;
  referring jsonb;
  referred int2[];
  key_name name;
begin
  for key in select k.* from tenancy.open_keys_of(relations) k loop
    relation := key.relation;
    statement := null;
    if key.obstacle is not null then
      step := format('left: key %I, %s', key.name, key.obstacle);
      return next;
      continue;
    end if;
    begin
      referring := '[]';
      for foreign_key in
        select f.*, tenancy.refounded(f.foreign_key, f.child_tenant, f.parent_tenant, false, true) as clause,
               tenancy.strangers_of(f.foreign_key, f.child_tenant, f.parent_tenant) as strangers
          from tenancy.foreign_keys_of(array[key.relation]) f
         where f.parent = key.relation and f.key_index = key.key_index
      loop
        referring := referring || jsonb_build_array(to_jsonb(foreign_key)
          || jsonb_build_object('child_oid', foreign_key.child::oid, 'comment', tenancy.comment_again(foreign_key.foreign_key)));
        execute format('alter table %s drop constraint %I', foreign_key.child, foreign_key.name);
      end loop;
      statement := tenancy.rekeyed(key.key_index, key.tenant_column, true);
      execute statement;
    exception when dependent_objects_still_exist then
      step := format('left: key %I, other objects depend on it', key.name);
      statement := null;
      return next;
      continue;
    end;
    step := 'key led by the tenant';
    perform tenancy.amend_note(relation, 'unique_keys', to_jsonb(key.name));
    return next;
    for foreign_key in
      select r.child_oid::regclass as child, r.name, r.clause, r.strangers, r.match_full, r.comment
        from jsonb_to_recordset(referring) as r (child_oid oid, name name, clause text, strangers text, match_full boolean, comment text)
    loop
      relation := foreign_key.child;
      step := 'foreign key with the tenant';
      statement := format('alter table %s %s', relation, foreign_key.clause) || foreign_key.comment;
      perform tenancy.run_foreign_key(relation, key.relation, statement, foreign_key.strangers);
      perform tenancy.amend_note(relation, 'foreign_keys', jsonb_build_object('name', foreign_key.name, 'full', foreign_key.match_full));
      return next;
    end loop;
  end loop;

  for foreign_key in select f.* from tenancy.foreign_keys_of(relations) f where not f.has_tenant loop
    if foreign_key.obstacle is not null then
      relation := foreign_key.child;
      step := format('left: foreign key %I, %s', foreign_key.name, foreign_key.obstacle);
      statement := null;
      return next;
      continue;
    end if;
    referred := array(select a.attnum from pg_attribute a join pg_constraint k on k.confrelid = a.attrelid
                       where k.oid = foreign_key.foreign_key and (a.attnum = any (k.confkey) or a.attname = foreign_key.parent_tenant));
    if not tenancy.has_unique(foreign_key.parent, referred) then
      relation := foreign_key.parent;
      key_name := tenancy.free_name(relation, 'tenancy_key');
      step := 'unique key for references';
      statement := format('alter table %s add constraint %I unique (%s)', relation, key_name,
        (select string_agg(quote_ident(a.attname), ', ' order by a.attname = foreign_key.parent_tenant desc, a.attnum)
           from pg_attribute a where a.attrelid = relation and a.attnum = any (referred)));
      execute statement;
      perform tenancy.amend_note(relation, 'made_keys', to_jsonb(key_name));
      return next;
    end if;
    relation := foreign_key.child;
    step := 'foreign key with the tenant';
    statement := format('alter table %s drop constraint %I, %s', relation, foreign_key.name,
        tenancy.refounded(foreign_key.foreign_key, foreign_key.child_tenant, foreign_key.parent_tenant, false, true))
      || tenancy.comment_again(foreign_key.foreign_key);
    perform tenancy.run_foreign_key(relation, foreign_key.parent, statement,
      tenancy.strangers_of(foreign_key.foreign_key, foreign_key.child_tenant, foreign_key.parent_tenant));
    perform tenancy.amend_note(relation, 'foreign_keys', jsonb_build_object('name', foreign_key.name, 'full', foreign_key.match_full));
    return next;
  end loop;
end
$function$;
comment on function tenancy.make_keys(regclass[]) is 'internal: puts the tenant into the unique and foreign keys of some protected tables; tells what it left, and why';

revoke execute on function
  tenancy.strangers_of(oid, name, name), tenancy.run_foreign_key(regclass, regclass, text, text),
  tenancy.has_unique(regclass, int2[]), tenancy.make_keys(regclass[])
from public;
grant execute on function
  tenancy.strangers_of(oid, name, name), tenancy.run_foreign_key(regclass, regclass, text, text),
  tenancy.has_unique(regclass, int2[]), tenancy.make_keys(regclass[])
to pg_database_owner;
-- The way back from keys with the tenant. The notes name the keys that were changed; whether such a key is there, and of
-- the form that protect() gave it, the catalog says.

-- Foreign keys of children that are no longer protected, which could not lose the tenant before this parent's key does. Of
-- the same owner only: the note is the parent's owner's to write, the key is the child's.
create function tenancy.left_foreign_keys_of(parent regclass)
  returns table (foreign_key oid, child_tenant name, match_full boolean)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select k.oid, a.attname, coalesce(e -> 'full' = 'true', false)
      from tenancy.protection_of(parent) p
      join tenancy.noted_list(tenancy.protection_note(p.relation), 'left_keys') e on true
      join pg_constraint k on k.contype = 'f' and k.confrelid = p.relation and k.conparentid = 0
       and k.conname = e ->> 'name' and k.conrelid::regclass::text = e ->> 'table'
      join pg_class c on c.oid = k.conrelid and c.relowner = p.relowner
      cross join unnest(k.conkey, k.confkey) as u (child, parent)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.child
     where u.parent = p.tenant_attnum and cardinality(k.conkey) > 1;
end
$function$;
comment on function tenancy.left_foreign_keys_of(regclass) is 'internal: foreign keys to a table that kept the tenant when their own table lost its protection';

-- Unique keys of before, and whether each can be again: a foreign key of somebody's own may refer to it now.
create function tenancy.changed_keys_of(relations regclass[])
  returns table (key_index oid, name name, relation regclass, tenant_column name, columns int2[], obstacle text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select i.indexrelid, ic.relname, p.relation, p.tenant_column, array_remove((i.indkey::int2[])[0:i.indnkeyatts - 1], p.tenant_attnum),
           (select format('foreign key %I of table %s refers to it', k.conname, k.conrelid::regclass)
              from pg_constraint k
             where k.contype = 'f' and k.confrelid = p.relation and k.conindid = i.indexrelid and k.conparentid = 0
               and not exists (select from tenancy.noted_list(tenancy.protection_note(k.conrelid), 'foreign_keys') e where e ->> 'name' = k.conname)
               and not exists (select from tenancy.left_foreign_keys_of(p.relation) l where l.foreign_key = k.oid)
             order by 1 limit 1)
      from (select distinct u as r from unnest(relations) u) d
      join lateral tenancy.protection_of(d.r) p on true
      join tenancy.noted_list(tenancy.protection_note(p.relation), 'unique_keys') e on true
      join pg_class ic on ic.relname = e #>> '{}'
      join pg_index i on i.indexrelid = ic.oid and i.indrelid = p.relation
     where (i.indisunique or i.indisexclusion) and i.indnkeyatts > 1 and i.indkey[0] = p.tenant_attnum
       and tenancy.rekeyed(i.indexrelid, p.tenant_column, false) is not null
     order by p.relation::text, i.indisprimary desc, ic.relname;
end
$function$;
comment on function tenancy.changed_keys_of(regclass[]) is 'internal: unique keys of some tables that tenancy.protect() put the tenant into';

create function tenancy.changed_foreign_keys_of(relations regclass[])
  returns table (foreign_key oid, name name, child regclass, parent regclass, match_full boolean, clause text, can_be_again boolean)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with changed as materialized (
      select k.relation, array(select unnest(k.columns) order by 1) as columns from tenancy.changed_keys_of(relations) k where k.obstacle is null
    ), noted as (
      select f.foreign_key, f.child_tenant, coalesce(e -> 'full' = 'true', false) as match_full
        from tenancy.foreign_keys_of(relations) f
        join tenancy.noted_list(tenancy.protection_note(f.child), 'foreign_keys') e on e ->> 'name' = f.name
       where f.has_tenant
      union
      select l.foreign_key, l.child_tenant, l.match_full
        from (select distinct u as r from unnest(relations) u) d, tenancy.left_foreign_keys_of(d.r) l
    )
    select k.oid, k.conname, k.conrelid::regclass, k.confrelid::regclass, n.match_full,
           tenancy.refounded(k.oid, n.child_tenant, p.tenant_column, n.match_full, false),
           tenancy.has_unique(p.relation, referred.columns)
           or exists (select from changed c where c.relation = p.relation and c.columns = array(select unnest(referred.columns) order by 1))
      from noted n
      join pg_constraint k on k.oid = n.foreign_key
      join lateral tenancy.protection_of(k.confrelid) p on true
      cross join lateral (select array_remove(k.confkey, p.tenant_attnum) as columns) referred
     where referred.columns <> '{}'
     order by k.conrelid::regclass::text, k.conname;
end
$function$;
comment on function tenancy.changed_foreign_keys_of(regclass[]) is 'internal: foreign keys of and to some tables that tenancy.protect() put the tenant into';

-- Keys that were made for references, where none refers to them any more.
create function tenancy.unused_keys_of(relations regclass[]) returns table (name name, relation regclass)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select k.conname, p.relation
      from (select distinct u as r from unnest(relations) u) d
      join lateral tenancy.protection_of(d.r) p on true
      join tenancy.noted_list(tenancy.protection_note(p.relation), 'made_keys') e on true
      join pg_constraint k on k.conrelid = p.relation and k.conname = e #>> '{}' and k.contype = 'u' and k.conkey[1] = p.tenant_attnum
     where not exists (select from pg_constraint f where f.contype = 'f' and f.conindid = k.conindid);
end
$function$;
comment on function tenancy.unused_keys_of(regclass[]) is 'internal: unique keys that tenancy.protect() made for foreign keys that are no longer there';

create function tenancy.unmake_keys(relations regclass[]) returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  key record;
  foreign_keys jsonb := '[]';
  foreign_key record;
begin
  for foreign_key in select f.* from tenancy.changed_foreign_keys_of(relations) f loop
    relation := foreign_key.child;
    if not foreign_key.can_be_again then
      step := format('left: foreign key %I keeps the tenant, because the key of %s does', foreign_key.name, foreign_key.parent);
      statement := null;
      perform tenancy.amend_note(foreign_key.parent, 'left_keys', jsonb_build_object(
        'table', foreign_key.child, 'name', foreign_key.name, 'full', foreign_key.match_full));
      return next;
      continue;
    end if;
    foreign_keys := foreign_keys || jsonb_build_array(to_jsonb(foreign_key) || jsonb_build_object(
      'child_oid', foreign_key.child::oid, 'parent_oid', foreign_key.parent::oid,
      'comment', tenancy.comment_again(foreign_key.foreign_key)));
  end loop;
  for foreign_key in
    select r.child_oid::regclass as child, r.name from jsonb_to_recordset(foreign_keys) as r (child_oid oid, name name)
  loop
    execute format('alter table %s drop constraint %I', foreign_key.child, foreign_key.name);
  end loop;

  for key in select k.* from tenancy.changed_keys_of(relations) k loop
    relation := key.relation;
    if key.obstacle is not null then
      step := format('left: key %I keeps the tenant, %s', key.name, key.obstacle);
      statement := null;
      return next;
      continue;
    end if;
    step := 'key as it was';
    statement := tenancy.rekeyed(key.key_index, key.tenant_column, false);
    begin
      execute statement;
    exception when unique_violation or exclusion_violation then
      raise exception using
        errcode = sqlstate,
        message = format('key %I of table %s cannot be as it was: tenants have equal values now', key.name, relation),
        hint = 'Make the values differ, or drop the key first.';
    end;
    return next;
  end loop;

  for key in
    select u.* from tenancy.unused_keys_of(relations || array(
      select r.parent_oid::regclass from jsonb_to_recordset(foreign_keys) as r (parent_oid oid))) u
  loop
    relation := key.relation;
    step := 'drop unique key for references';
    statement := format('alter table %s drop constraint %I', relation, key.name);
    execute statement;
    return next;
  end loop;

  for foreign_key in
    select r.child_oid::regclass as child, r.parent_oid::regclass as parent, r.name, r.clause, r.comment
      from jsonb_to_recordset(foreign_keys) as r (child_oid oid, parent_oid oid, name name, clause text, comment text)
  loop
    relation := foreign_key.child;
    step := 'foreign key as it was';
    statement := format('alter table %s %s', relation, foreign_key.clause) || foreign_key.comment;
    perform tenancy.run_on_rows(relation, array(select r from tenancy.with_children(relation) r union select r from tenancy.with_children(foreign_key.parent) r), statement);
    return next;
  end loop;
end
$function$;
comment on function tenancy.unmake_keys(regclass[]) is 'internal: takes the tenant out of the keys that tenancy.protect() put it into; tells what it left, and why';

revoke execute on function
  tenancy.left_foreign_keys_of(regclass), tenancy.changed_keys_of(regclass[]), tenancy.changed_foreign_keys_of(regclass[]), tenancy.unused_keys_of(regclass[]),
  tenancy.unmake_keys(regclass[])
from public;
grant execute on function
  tenancy.left_foreign_keys_of(regclass), tenancy.changed_keys_of(regclass[]), tenancy.changed_foreign_keys_of(regclass[]), tenancy.unused_keys_of(regclass[]),
  tenancy.unmake_keys(regclass[])
to pg_database_owner;
-- A whole schema in one call. One call is one statement: where a table fails, nothing is half done.

create function tenancy.require_schema(schema_name regnamespace) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if schema_name is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'name a schema',
      hint = 'tenancy.protect_all(''schema'')';
  end if;
  if not exists (select from pg_namespace n where n.oid = schema_name) then
    raise exception using
      errcode = 'invalid_schema_name',
      message = 'schema does not exist',
      hint = 'Name a schema of this database.';
  end if;
  if schema_name in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace, 'tenancy'::regnamespace) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('schema %s does not belong to the application', schema_name),
      hint = 'Only tables of the application can be protected.';
  end if;
end
$function$;
comment on function tenancy.require_schema(regnamespace) is 'internal: refuses what is no schema of the application';

-- reason says why a table is left out: NULL where it is not.
create function tenancy.tables_of(schema_name regnamespace, tenant_column name)
  returns table (relation regclass, is_protected boolean, reason text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select c.oid::regclass, p.relation is not null,
         case
           when up.relation is not null then format('it is protected through its parent %s', up.relation)
           when p.relation is null and not exists (
                  select from pg_attribute a where a.attrelid = c.oid and a.attname = tables_of.tenant_column and a.attnum > 0 and not a.attisdropped)
             then format('no column %I', tables_of.tenant_column)
         end
    from pg_class c
    left join tenancy.protection p on p.relation = c.oid
    -- Parents of this schema bring their children along.
    left join lateral (
      select i.inhparent::regclass as relation, pc.relnamespace as schema
        from pg_inherits i join pg_class pc on pc.oid = i.inhparent
       where i.inhrelid = c.oid
         and (c.relispartition or exists (
               select from pg_attribute a where a.attrelid = i.inhparent and a.attname = tables_of.tenant_column and a.attnum > 0 and not a.attisdropped))
       order by i.inhseqno limit 1) up on true
   where c.relnamespace = schema_name and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     and (up.schema is null or up.schema <> schema_name)
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
   order by c.oid::regclass::text
$function$;
comment on function tenancy.tables_of(regnamespace, name) is 'internal: the tables of a schema that are protected together, and why others are left out';

-- A table that is protected keeps its own options: a second call must not make a table writable that was for reading.
create function tenancy.protect_all(
  schema_name regnamespace, tenant_column name default 'tenant_id', access text default 'write', keys boolean default false)
  returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  candidate record;
  options jsonb;
  tables regclass[] := '{}';
  options_of jsonb := '{}';
  trees regclass[];
  changed boolean := false;
  error_message text;
  error_detail text;
  error_hint text;
begin
  perform tenancy.require_schema(schema_name);
  for candidate in select t.* from tenancy.tables_of(schema_name, tenant_column) t loop
    relation := candidate.relation;
    if candidate.reason is not null then
      step := 'left: ' || candidate.reason;
      statement := null;
      return next;
      continue;
    end if;
    options := case when candidate.is_protected then tenancy.options_of(relation)
                    else tenancy.protect_options(relation, tenant_column, access, null, false, false, false) end;
    tables := tables || relation;
    options_of := options_of || jsonb_build_object(relation::oid,
      options || jsonb_build_object('keys', coalesce(keys, false) and options ->> 'kind' = 'tenant'));
    for step, statement in select p.step, p.statement from tenancy.protect_tree(relation, options_of -> (relation::oid)::text) p loop
      changed := changed or step not like 'left:%';
      return next;
    end loop;
  end loop;
  if keys then
    trees := array(select r from unnest(tables) t, tenancy.with_children(t) r);
    relation := null; -- errors from here name their tables themselves
    for relation, step, statement in select k.relation, k.step, k.statement from tenancy.make_keys(trees) k loop
      changed := changed or step not like 'left:%';
      return next;
    end loop;
    foreach relation in array tables loop
      for step, statement in
        select p.step, p.statement from tenancy.protect_tree(relation, options_of -> (relation::oid)::text || '{"keys": false}') p
         where p.step not like 'left:%'
      loop
        changed := true;
        return next;
      end loop;
    end loop;
  end if;
  if not changed then
    relation := null;
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
exception when others then
  get stacked diagnostics error_message = message_text, error_detail = pg_exception_detail, error_hint = pg_exception_hint;
  raise exception using
    errcode = sqlstate,
    message = case when relation is null or position(relation::text in error_message) > 0 then error_message
                   else format('table %s: %s', relation, error_message) end,
    detail = error_detail,
    hint = error_hint;
end
$function$;
comment on function tenancy.protect_all(regnamespace, name, text, boolean) is
  'protects every table of a schema that has the tenant column, and with keys => true their keys; tables that are protected keep their options; tells each statement it ran and each table it left';

create function tenancy.unprotect_all(schema_name regnamespace)
  returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  trees regclass[];
  changed boolean := false;
  error_message text;
  error_detail text;
  error_hint text;
begin
  perform tenancy.require_schema(schema_name);
  -- Partitions and children with the tables they belong to, wherever they are.
  trees := array(
    select t from tenancy.protection p join pg_class c on c.oid = p.relation, tenancy.with_children(p.relation) t
     where c.relnamespace = schema_name and not p.is_child
     group by t order by min(p.relation::text), t::text);
  for relation, step, statement in select u.relation, u.step, u.statement from tenancy.unprotect_relations(trees) u loop
    changed := changed or step not like 'left:%';
    return next;
  end loop;
  if not changed then
    relation := null;
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
exception when others then
  get stacked diagnostics error_message = message_text, error_detail = pg_exception_detail, error_hint = pg_exception_hint;
  raise exception using
    errcode = sqlstate,
    message = case when relation is null or position(relation::text in error_message) > 0 then error_message
                   else format('table %s: %s', relation, error_message) end,
    detail = error_detail,
    hint = error_hint;
end
$function$;
comment on function tenancy.unprotect_all(regnamespace) is
  'takes the protection of every table of a schema back, with their keys; tells each statement it ran';

revoke execute on function
  tenancy.require_schema(regnamespace), tenancy.tables_of(regnamespace, name),
  tenancy.protect_all(regnamespace, name, text, boolean), tenancy.unprotect_all(regnamespace)
from public;
grant execute on function
  tenancy.require_schema(regnamespace), tenancy.tables_of(regnamespace, name),
  tenancy.protect_all(regnamespace, name, text, boolean), tenancy.unprotect_all(regnamespace)
to pg_database_owner;
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
    'tenant_id', coalesce(s.tenant_id, nullif(current_setting('tenancy.tenant_id', true), '')),
    'tenant_role', nullif(current_setting('tenancy.role', true), ''),
    -- Somebody else than the user, where an operator acts.
    'actor', coalesce(nullif(current_setting('tenancy.actor', true), ''), s.user_id),
    'read_only', current_setting('transaction_read_only')::boolean,
    'tenant_name', s.tenant_name,
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

-- What the catalogs show to everybody anyway. The estimates are made of all tenants' rows: they are for who answers for
-- the table, outside a tenant's context.
create view tenancy.protected with (security_barrier) as
  select p.relation as table_name,
         p.kind,
         p.tenant_column,
         p.owner_column,
         case when p.kind = 'tenant' and p.writable then 'write' else 'read' end as access,
         p.shared,
         p.is_child,
         (select pg_catalog.array_agg(l.polname order by l.polname)
            from pg_catalog.pg_policy l where l.polrelid = p.relation) as policies,
         c.relrowsecurity as enabled,
         c.relforcerowsecurity as forced,
         (select i.indexrelid::pg_catalog.regclass
            from pg_catalog.pg_index i
            join pg_catalog.pg_class ic on ic.oid = i.indexrelid
            join pg_catalog.pg_am am on am.oid = ic.relam
           where i.indrelid = p.relation and i.indisvalid and i.indpred is null
             and am.amname = 'btree' and i.indkey[0] = p.tenant_attnum
           order by not i.indisprimary, i.indexrelid
           limit 1) as tenant_index,
         case when k.may_know and c.reltuples >= 0 then c.reltuples::pg_catalog.int8 end as estimated_rows,
         case when k.may_know and c.reltuples >= 0 then
           pg_catalog.round(c.reltuples / nullif(case when s.stadistinct < 0 then -s.stadistinct * c.reltuples
                                                      else s.stadistinct end, 0))::pg_catalog.int8
         end as estimated_rows_per_tenant
    from tenancy.protection p
    join pg_catalog.pg_class c on c.oid = p.relation
    left join pg_catalog.pg_statistic s
      on s.starelid = p.relation and s.staattnum = p.tenant_attnum and s.stainherit = (c.relkind = 'p')
    cross join lateral (
      select (tenancy.bypassing() or tenancy.session_id() is null)
         and (pg_catalog.pg_has_role(current_user, c.relowner, 'usage')
              or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
              or pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')) as may_know) k;
comment on view tenancy.protected is 'the protected tables: columns, options, policies, whether row security is on and forced, index, and estimated rows';
comment on column tenancy.protected.table_name is 'the table, partition or child';
comment on column tenancy.protected.kind is 'tenant: each row belongs to a tenant; reference: the same rows for all, which tenants only read';
comment on column tenancy.protected.tenant_column is 'column that holds the tenant; NULL for a reference table';
comment on column tenancy.protected.owner_column is 'column that holds the user, where rows belong to a user inside the tenant';
comment on column tenancy.protected.access is 'what tenants may do with the rows that they see: write or read';
comment on column tenancy.protected.shared is 'whether rows without a tenant are there for all to read';
comment on column tenancy.protected.is_child is 'whether it is a partition or child of a protected table, which holds the rights';
comment on column tenancy.protected.policies is 'names of all policies on it, the application''s own included';
comment on column tenancy.protected.enabled is 'whether row security is enabled; without it the policies do nothing';
comment on column tenancy.protected.forced is 'whether the policies hold the table''s owner too';
comment on column tenancy.protected.tenant_index is 'an index that begins with the tenant column; NULL: each query reads all tenants'' rows';
comment on column tenancy.protected.estimated_rows is 'rows of all tenants as of the last ANALYZE; NULL when unknown, and for people who do not answer for the table';
comment on column tenancy.protected.estimated_rows_per_tenant is 'average rows of one tenant as of the last ANALYZE; NULL as before';

create view tenancy.policies as
  select p.polrelid::pg_catalog.regclass as table_name,
         p.polname as policy,
         case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
         p.polpermissive as permissive,
         array(select case u.role when 0 then 'public' else pg_catalog.pg_get_userbyid(u.role) end
                 from pg_catalog.unnest(p.polroles) u (role) order by 1) as roles,
         pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_expression,
         pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_expression,
         pg_catalog.starts_with(p.polname::pg_catalog.text, 'tenancy_') as made_by_protect
    from pg_catalog.pg_policy p;
comment on view tenancy.policies is 'every policy of this database, those of tenancy.protect() marked';
comment on column tenancy.policies.table_name is 'the table';
comment on column tenancy.policies.policy is 'name of the policy';
comment on column tenancy.policies.command is 'all, select, insert, update or delete';
comment on column tenancy.policies.permissive is 'true: one of these must say yes; false: restrictive, all of these must say yes';
comment on column tenancy.policies.roles is 'roles that it holds for; public is everybody';
comment on column tenancy.policies.using_expression is 'what a row must fulfil to be seen, changed or deleted';
comment on column tenancy.policies.check_expression is 'what a new row must fulfil; NULL: the same as using_expression';
comment on column tenancy.policies.made_by_protect is 'whether it has a name that tenancy.protect() gives; false: the application made it';

-- Never the hash of the token. Who owns the session of a context is asked of the session itself: readers in C,
-- which nobody can forge.
create view tenancy.sessions with (security_barrier) as
  select s.id,
         s.user_id,
         s.tenant_id,
         case when s.revoked_at is not null then 'revoked'
              when s.expires_at <= pg_catalog.clock_timestamp() then 'expired'
              when i.idle > '0 s' and s.purpose is null and s.last_used_at + i.idle <= pg_catalog.clock_timestamp() then 'idle'
              else 'live' end as state,
         s.id is not distinct from tenancy.session_id() as is_current,
         s.created_at,
         s.last_used_at,
         s.expires_at,
         s.revoked_at,
         s.client,
         s.purpose
    from tenancy.session s
    cross join (select pg_catalog.current_setting('tenancy.session_idle_timeout')::pg_catalog.interval as idle) i
   where s.user_id = (select o.user_id from tenancy.session o where o.id = tenancy.session_id())
      or (tenancy.session_id() is null and pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage'))
      -- An operator's bypass context works as tenancy_admin.
      or (tenancy.bypassing() and current_user = 'tenancy_admin'
          and pg_catalog.pg_has_role(session_user, 'tenancy_operator', 'member'));
comment on view tenancy.sessions is 'sessions without their tokens: one''s own in a context, all for members of tenancy_operator';
comment on column tenancy.sessions.id is 'names the session to tenancy.revoke(); opens nothing';
comment on column tenancy.sessions.user_id is 'who signed in';
comment on column tenancy.sessions.tenant_id is 'chosen tenant; NULL: none chosen yet, or an admin who sees all';
comment on column tenancy.sessions.state is 'live, or why it is over: revoked, expired, idle';
comment on column tenancy.sessions.is_current is 'whether the current context is this session''s';
comment on column tenancy.sessions.created_at is 'when the user signed in';
comment on column tenancy.sessions.last_used_at is 'last use, written at most once a minute';
comment on column tenancy.sessions.expires_at is 'when it ends, however busy';
comment on column tenancy.sessions.revoked_at is 'when it was ended before its time';
comment on column tenancy.sessions.client is 'what the caller of tenancy.login() said of the client: address, agent';
comment on column tenancy.sessions.purpose is 'what a job''s session is for; NULL: a person''s';

revoke all on tenancy.protected, tenancy.policies, tenancy.sessions from public;
grant select on tenancy.protected, tenancy.policies to public;
grant select on tenancy.sessions to tenancy_user, tenancy_admin, tenancy_operator;
-- The check: every way around isolation that the catalogs show. One rule is one row of tenancy.rule and one function
-- tenancy.rule_NAME() that finds its holes; the files after this one hold the rules by topic, docs/rules has a page for each.

create type tenancy.finding as (
  object text,
  gain text,
  mend text
);
comment on type tenancy.finding is
  'what a rule found: the object, what an attacker gains by it, and the statement that mends it';
comment on column tenancy.finding.object is 'the object as a user would name it; unique within the rule';
comment on column tenancy.finding.gain is 'what an attacker gains by it';
comment on column tenancy.finding.mend is 'the statement that mends it, or a comment that says what to do';
revoke usage on type tenancy.finding from public;

create table tenancy.rule (
  name name not null constraint rule_pkey primary key,
  severity text not null constraint rule_severity check (severity in ('critical', 'high', 'medium', 'low')),
  title text not null
);
comment on table tenancy.rule is 'the rules of tenancy.check(); each is found by a function tenancy.rule_NAME()';
comment on column tenancy.rule.name is 'name of the rule, as tenancy.check() prints it and tenancy.accept() takes it';
comment on column tenancy.rule.severity is 'critical: other tenants'' rows, now; high: one mistake away; medium: facts about others; low: speed and habits';
comment on column tenancy.rule.title is 'the hole in a few words';
revoke all on tenancy.rule from public;
grant select on tenancy.rule to pg_database_owner, tenancy_operator;

create table tenancy.acceptance (
  rule name not null,
  object text not null,
  reason text not null,
  accepted_by name not null,
  accepted_at timestamptz not null default pg_catalog.clock_timestamp(),
  constraint acceptance_pkey primary key (rule, object)
);
comment on table tenancy.acceptance is 'findings that somebody has accepted, with the reason; written by tenancy.accept() and tenancy.withdraw()';
comment on column tenancy.acceptance.rule is 'rule of the finding';
comment on column tenancy.acceptance.object is 'object of the finding, as tenancy.check() prints it';
comment on column tenancy.acceptance.reason is 'why it may stay';
comment on column tenancy.acceptance.accepted_by is 'login role that accepted it';
comment on column tenancy.acceptance.accepted_at is 'when';
revoke all on tenancy.acceptance from public;
select pg_catalog.pg_extension_config_dump('tenancy.acceptance', '');

-- Runs as its owner, so that whoever may call it sees all: some catalogs are for superusers. The rules read catalogs only.
create function tenancy.check(rules name[] default null)
  returns table (severity text, rule name, object text, gain text, mend text, accepted text)
  language plpgsql stable
  security definer set search_path = pg_catalog, pg_temp
  set jit = off -- many large queries of a moment each: compiling them costs more than running them
as $function$
declare
  question constant text :=
    'select $1, $2, f.object, f.gain, f.mend, a.reason
       from %s f left join tenancy.acceptance a on a.rule = $2 and a.object = f.object
      order by f.object';
  unrecognized name;
begin
  select r into unrecognized from unnest(rules) r where not exists (select from tenancy.rule t where t.name = r) limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('unrecognized rule "%s"', coalesce(unrecognized, 'NULL')),
      hint = 'select name, title from tenancy.rule lists them.';
  end if;
  for severity, rule in
    select t.severity, t.name from tenancy.rule t
     where rules is null or t.name = any (rules)
     order by array_position(array['critical', 'high', 'medium', 'low'], t.severity), t.name
  loop
    begin
      return query execute format(question, format('tenancy.%I()', 'rule_' || rule)) using severity, rule;
    exception when others then
      -- An object that somebody made to stop one rule stops neither the others nor the news of it.
      return query execute format(question, '(select $3 as object, $4 as gain, $5 as mend)') using severity, rule,
        format('rule %s', rule), format('nobody knows: the rule could not look (%s)', sqlerrm),
        '-- find the object that the rule stumbles over, and drop it; then ask again';
    end;
  end loop;
end
$function$;
comment on function tenancy.check(name[]) is
  'every way around isolation that the catalogs show: severity, rule, object, what an attacker gains, the statement that mends it, and the reason where it was accepted; no rows: nothing found';

create function tenancy.accept(rule name, object text, reason text) returns void
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  if rule is null or object is null or reason is null then
    raise exception using errcode = 'null_value_not_allowed', message = 'an acceptance needs a rule, an object and a reason';
  end if;
  if btrim(reason, E' \t\r\n') = '' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'an acceptance needs a reason',
      hint = 'Say why the finding may stay, for the people who read it next year.';
  end if;
  if octet_length(reason) > 2000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the reason is longer than 2000 bytes',
      hint = 'Point to a document that says more.';
  end if;
  if not exists (select from tenancy.rule r where r.name = accept.rule) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('unrecognized rule "%s"', rule),
      hint = 'select name, title from tenancy.rule lists them.';
  end if;
  if not exists (select from tenancy.check(array[accept.rule]) c where c.object = accept.object) then
    raise exception using
      errcode = 'no_data_found',
      message = format('rule "%s" finds nothing at "%s"', rule, object),
      hint = 'Copy the object as tenancy.check() prints it.';
  end if;
  insert into tenancy.acceptance as a (rule, object, reason, accepted_by)
  values (accept.rule, accept.object, accept.reason, session_user)
  on conflict on constraint acceptance_pkey do update
    set reason = excluded.reason, accepted_by = excluded.accepted_by, accepted_at = clock_timestamp();
end
$function$;
comment on function tenancy.accept(name, text, text) is
  'accepts a finding of tenancy.check() with a reason; it stays listed, as accepted';

create function tenancy.withdraw(rule name, object text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  delete from tenancy.acceptance a where a.rule = withdraw.rule and a.object = withdraw.object;
  return found;
end
$function$;
comment on function tenancy.withdraw(name, text) is 'takes an acceptance back; false when there was none';

-- A rule is defined by its function and this row; the function's rights are taken away once, in 79_rules_rights.sql.
create function tenancy.define_rule(name name, severity text, title text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.rule values (define_rule.name, define_rule.severity, define_rule.title)
$function$;

revoke execute on function
  tenancy.check(name[]), tenancy.accept(name, text, text), tenancy.withdraw(name, text), tenancy.define_rule(name, text, text)
from public;
grant execute on function
  tenancy.check(name[]), tenancy.accept(name, text, text), tenancy.withdraw(name, text)
to pg_database_owner, tenancy_operator;
-- Rules: is every table with tenants' rows protected, and wholly? What the policies of other people say is in the next file.

-- A mend that no statement can be: a comment. A name may hold a line break, after which the rest would be a statement.
create function tenancy.advice(advice text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select '-- ' || regexp_replace(advice, '[\r\n]+', ' ', 'g')
$function$;
comment on function tenancy.advice(text) is 'internal: the mend of a finding that only a person can mend, as a comment of SQL on one line';

-- What the directory reads, through however many views.
create view tenancy.directory_table as
  with recursive reads (relation) as (
    select v.view::pg_catalog.oid
      from tenancy.directory d cross join lateral (values (d.accounts), (d.memberships)) as v (view)
    union
    select d.refobjid
      from reads
      join pg_catalog.pg_rewrite r on r.ev_class = reads.relation
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  )
  select c.oid::pg_catalog.regclass as relation,
         -- Nobody but the owner has a right to it or to a column of it.
         not exists (select from pg_catalog.aclexplode(c.relacl) g where g.grantee <> c.relowner)
         and not exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attacl is not null) as private
    from reads join pg_catalog.pg_class c on c.oid = reads.relation and c.relkind in ('r', 'p');
comment on view tenancy.directory_table is 'internal: tables that the registered directory reads, and whether they are granted to nobody';
revoke all on tenancy.directory_table from public;

-- Tables that hold rows of tenants: protected ones, and those with a column of the name that protected tables use.
create view tenancy.tenant_table as
  with tenant_name (name) as (
    select 'tenant_id'::pg_catalog.name
    union
    -- Not the key of a table of tenants: "id" is everywhere.
    select p.tenant_column from tenancy.protection p
     where p.kind = 'tenant' and not p.registry and not p.is_child and p.tenant_column is not null
  ), holder as (
    select distinct on (a.attrelid) a.attrelid, a.attname, a.atttypid
      from pg_catalog.pg_attribute a
     where a.attname in (select n.name from tenant_name n) and a.attnum > 0 and not a.attisdropped
     order by a.attrelid, a.attname <> 'tenant_id', a.attname
  )
  select c.oid::pg_catalog.regclass as relation, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
         h.attname as tenant_column,
         p.oid is not null as protected,
         exists (select from pg_catalog.pg_inherits i
                   join pg_catalog.pg_attribute a on a.attrelid = i.inhparent and a.attname = h.attname and not a.attisdropped
                  where i.inhrelid = c.oid) as is_child
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join holder h on h.attrelid = c.oid
    left join pg_catalog.pg_policy p on p.polrelid = c.oid and p.polname = 'tenancy_tenant'
   where (h.attrelid is not null or p.oid is not null)
     and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e');
comment on view tenancy.tenant_table is
  'internal: tables with tenants'' rows, protected or not, and their column';
revoke all on tenancy.tenant_table from public;

-- The first call for a table that is not protected. Who could not write before cannot write after.
create function tenancy.protect_first(relation regclass, tenant_column name) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  type oid := (select a.atttypid from pg_attribute a where a.attrelid = relation and a.attname = tenant_column);
  privileges text[];
begin
  if tenant_column is null then
    return null;
  elsif tenancy.reader_for(type) is null then
    return tenancy.advice(format('make column %I of %s bigint, integer, uuid or text, then call tenancy.protect()', tenant_column, relation));
  end if;
  select array_agg(g.privilege_type) into privileges
    from pg_class c cross join aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
   where c.oid = relation and r.rolname = 'tenancy_user';
  return format('select step from tenancy.protect(%L, %L%s)', relation, tenant_column,
    case when not privileges && array['INSERT', 'UPDATE', 'DELETE'] or exists (select from tenancy.directory_table d where d.relation = protect_first.relation)
         then ', access => ' || quote_literal('read') end);
end
$function$;
comment on function tenancy.protect_first(regclass, name) is 'internal: the call of tenancy.protect() that mends a table that is not protected yet';

-- The call that protects again with the options there are. At the top of the tree: it works on all below, and rights are
-- there alone.
create function tenancy.protect_again(relation regclass, tenant_column name, owner_column name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive up (relation, depth) as (
    select protect_again.relation::oid, 0
    union
    select i.inhparent, up.depth + 1
      from up join pg_inherits i on i.inhrelid = up.relation
     where exists (select from pg_policy p where p.polrelid = i.inhparent and p.polname = 'tenancy_tenant')
  ), top as (
    select u.relation::regclass as relation from up u order by u.depth desc limit 1
  )
  select case when exists (select from pg_policy p where p.polrelid = t.relation and p.polname = 'tenancy_reference')
                   and protect_again.tenant_column is null
              then format('select step from tenancy.protect(%L, reference => true)', t.relation)
              when protect_again.tenant_column is null
              then tenancy.advice(format('select step from tenancy.protect(%L, ''the column of the tenant'')', t.relation))
              else format('select step from tenancy.protect(%L, %L%s%s%s)', t.relation, protect_again.tenant_column,
                          case when not exists (select from aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
                                                 where r.rolname = 'tenancy_user' and g.privilege_type in ('INSERT', 'UPDATE', 'DELETE'))
                               then ', access => ''read''' end,
                          ', owner_column => ' || quote_literal(protect_again.owner_column),
                          case when not a.attnotnull and exists (select from pg_policy p where p.polrelid = t.relation and p.polname = 'tenancy_shared')
                               then ', shared => true' end) end
    from top t
    join pg_class c on c.oid = t.relation
    left join pg_attribute a on a.attrelid = t.relation and a.attname = protect_again.tenant_column
$function$;
comment on function tenancy.protect_again(regclass, name, name) is
  'internal: the call of tenancy.protect() that mends a protected table, or its topmost protected parent, with the options it has';

revoke execute on function tenancy.advice(text), tenancy.protect_first(regclass, name), tenancy.protect_again(regclass, name, name)
from public;

select tenancy.define_rule('rls_disabled_on_tenant_table', 'critical', 'a table with tenants'' rows that row security does not guard');
create function tenancy.rule_rls_disabled_on_tenant_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select t.relation::text,
         format('whoever has a right to %s, its owner %I above all, reads and changes the rows of all tenants', t.relation, pg_get_userbyid(t.relowner)),
         case when t.protected
              then tenancy.protect_again(t.relation, coalesce(p.tenant_column, t.tenant_column), p.owner_column) else tenancy.protect_first(t.relation, t.tenant_column) end
    from tenancy.tenant_table t
    left join tenancy.protection p on p.relation = t.relation and p.kind = 'tenant'
   where not t.relrowsecurity and not t.is_child
     and (t.protected or not exists (select from pg_policy o where o.polrelid = t.relation))
     -- The directory is read before there is a tenant.
     and (t.protected or t.relation not in (select d.relation from tenancy.directory_table d where d.private))
$function$;

select tenancy.define_rule('policy_without_rls', 'critical', 'policies that do nothing, because row security is not enabled');
create function tenancy.rule_policy_without_rls() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select c.oid::regclass::text,
         format('the policies of %s look like protection, but whoever has a right to it reads and changes every row', c.oid::regclass),
         format('alter table %s enable row level security', c.oid::regclass)
    from pg_class c
   where not c.relrowsecurity and c.relpersistence <> 't'
     and c.oid in (select p.polrelid from pg_policy p)
     and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenancy_tenant') -- rls_disabled_on_tenant_table says it
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
$function$;

select tenancy.define_rule('rls_not_forced', 'critical', 'a table with tenants'' rows whose owner is not held');
create function tenancy.rule_rls_not_forced() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select t.relation::text,
         format('whoever runs a statement as the owner %I (a migration, a SECURITY DEFINER function) sees and changes the rows of all tenants', pg_get_userbyid(t.relowner)),
         format('alter table %s force row level security', t.relation)
    from tenancy.tenant_table t
   where t.relrowsecurity and not t.relforcerowsecurity
     and exists (select from pg_policy p where p.polrelid = t.relation)
$function$;

select tenancy.define_rule('rls_without_policy', 'medium', 'row security without any policy: rights are granted, and nobody but the owner sees a row');
create function tenancy.rule_rls_without_policy() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  -- The few candidates first: the planner would ask for the tenant column of each table again and again.
  with closed as materialized (
    select c.oid, c.relacl, c.relowner
      from pg_class c
     where c.relrowsecurity and c.relpersistence <> 't'
       and c.oid not in (select p.polrelid from pg_policy p)
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  ), tenants as materialized (
    select t.* from tenancy.tenant_table t where exists (select from closed)
  )
  select c.oid::regclass::text,
         format('nothing yet; but rights to %s are granted that show no row, and whoever repairs that in haste disables row security', c.oid::regclass),
         coalesce(tenancy.protect_first(t.relation, t.tenant_column),
                  tenancy.advice(format('create a policy on %s for those who shall see its rows, or revoke their rights', c.oid::regclass)))
    from closed c
    left join tenants t on t.relation = c.oid
   where t.is_child is not true
     -- Without rights it is one of the ways to keep a table to oneself.
     and (t.relation is not null or exists (select from aclexplode(c.relacl) g where g.grantee <> c.relowner))
$function$;

select tenancy.define_rule('tenant_column_nullable', 'high', 'a tenant column that may be NULL');
create function tenancy.rule_tenant_column_nullable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.relation::text,
         format('a row of %s without a tenant is nobody''s: no tenant sees it, its keys are taken, and a policy or view that is lenient with NULL shows it to all', p.relation),
         -- Not ALTER TABLE: for that, functions in the owner's constraints run as whoever mends.
         tenancy.protect_again(p.relation, p.tenant_column, p.owner_column)
    from tenancy.protection p
    join pg_attribute a on a.attrelid = p.relation and a.attnum = p.tenant_attnum
   where p.kind = 'tenant' and not a.attnotnull and not p.shared and not p.is_child
$function$;

select tenancy.define_rule('inheritance_tree_partly_protected', 'critical', 'a partition, child or parent of a protected table that is not protected like it');
create function tenancy.rule_inheritance_tree_partly_protected() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  -- Below: each partition can be read by its own name, and then its own policies hold.
  (select distinct on (c.oid) c.oid::regclass::text,
          format('whoever has a right to %s reads and changes the rows of all tenants that %s keeps apart', c.oid::regclass, p.relation),
          tenancy.protect_again(p.relation, p.tenant_column, p.owner_column)
     from tenancy.protection p
     join pg_inherits i on i.inhparent = p.relation
     join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     left join tenancy.protection child on child.relation = c.oid
    where p.kind = 'tenant'
      and (not c.relrowsecurity or child.kind is distinct from 'tenant'
           -- Another column; where a policy is no comparison at all, protection_not_intact says so.
           or child.tenant_column <> p.tenant_column)
    order by c.oid, p.relation)
  union all
  -- Above: through a parent its policies alone hold. One with the tenant column is a finding of its own.
  select i.inhparent::regclass::text,
         format('whoever has a right to %s reads the rows of all tenants in %s through it', i.inhparent::regclass,
                string_agg(i.inhrelid::regclass::text, ', ' order by i.inhrelid)),
         string_agg(format('alter table %s no inherit %s', i.inhrelid::regclass, i.inhparent::regclass), '; ' order by i.inhrelid)
    from pg_inherits i
    join pg_policy p on p.polrelid = i.inhrelid and p.polname = 'tenancy_tenant'
   where i.inhparent not in (select t.relation from tenancy.tenant_table t)
   group by i.inhparent
$function$;

-- Every policy of our names, against what tenancy.protect() makes. The one rule that trusts no name: the others leave
-- policies of these names to it.
select tenancy.define_rule('protection_not_intact', 'critical', 'a policy of tenancy.protect() that is missing or is not what it was');
create function tenancy.rule_protection_not_intact() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with present as materialized (
    select p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
           pg_get_expr(p.polqual, p.polrelid) as readable, pg_get_expr(p.polwithcheck, p.polrelid) as writable,
           -- Digits alone: a name in the tree may be ":varattno", too.
           substring(split_part(p.polqual::text, ':varattno ', 2), '^\d+')::int2 as first_attnum,
           substring(split_part(p.polqual::text, ':varattno ', 3), '^\d+')::int2 as second_attnum
      from pg_policy p
     where p.polname = any (tenancy.our_policies())
  ), reader (type, tenant, account) as (
    values ('bigint'::regtype, 'tenancy.tenant_bigint()', 'tenancy.user_bigint()'),
           ('integer'::regtype, 'tenancy.tenant_bigint()', 'tenancy.user_bigint()'),
           ('uuid'::regtype, 'tenancy.tenant_uuid()', 'tenancy.user_uuid()'),
           ('text'::regtype, 'tenancy.tenant_id()', 'tenancy.user_id()')
  ), claim as (
    -- What the policies say the table's rows belong to. The text is exact, so only columns and readers are in it.
    select s.polrelid, s.polname, s.tenant_column, s.owner_column, s.tenant_reader, s.own
      from (select p.polrelid, p.polname, p.readable, t.attname as tenant_column, o.attname as owner_column, tr.tenant as tenant_reader,
                   case when p.second_attnum is null then format('(%I = %s)', t.attname, tr.tenant)
                        else format('((%I = %s) AND (%I = %s))', t.attname, tr.tenant, o.attname, ar.account) end as own
              from present p
              join pg_attribute t on t.attrelid = p.polrelid and t.attnum = p.first_attnum
              join reader tr on tr.type = t.atttypid
              left join pg_attribute o on o.attrelid = p.polrelid and o.attnum = p.second_attnum
              left join reader ar on ar.type = o.atttypid
             where p.polname in ('tenancy_tenant', 'tenancy_wall', 'tenancy_wall_update')) s
     where s.readable = s.own
  ), kind as (
    select p.polrelid,
           bool_or(p.polname <> 'tenancy_reference') as is_tenant,
           bool_or(p.polname = 'tenancy_shared') as has_shared
      from present p group by p.polrelid
  ), claimed as (
    -- The narrowest claim: one of the policies may have lost its owner's half.
    select distinct on (c.polrelid) c.polrelid, c.tenant_column, c.owner_column, c.tenant_reader, c.own,
           count(*) over (partition by c.polrelid, c.tenant_column) = count(*) over (partition by c.polrelid) as agreed
      from claim c
     order by c.polrelid, c.owner_column is null, c.polname
  ), wanted as (
    select k.polrelid, w.polname, w.polcmd, w.polpermissive,
           array[case when w.role_name = 'public' then 0 else (select r.oid from pg_roles r where r.rolname = w.role_name) end] as polroles,
           w.readable, w.writable
      from kind k
      left join claimed c on c.polrelid = k.polrelid
      left join pg_attribute a on a.attrelid = k.polrelid and a.attname = c.tenant_column
      cross join lateral (select k.has_shared and a.attnotnull is not true as is_shared,
                                 format('((%I IS NULL) AND (%s IS NOT NULL))', c.tenant_column, c.tenant_reader) as shared_rows
                           where c.polrelid is not null
                          union all
                          select false, null where c.polrelid is null) s
      cross join lateral (values
        ('tenancy_tenant'::name, '*'::"char", true, 'public'::name, c.own, c.own, true),
        ('tenancy_wall', '*', false, 'tenancy_user', c.own, c.own, not s.is_shared),
        ('tenancy_shared', 'r', true, 'public', s.shared_rows, null, s.is_shared),
        ('tenancy_wall', 'r', false, 'tenancy_user', '(' || c.own || ' OR ' || s.shared_rows || ')', null, s.is_shared),
        ('tenancy_wall_insert', 'a', false, 'tenancy_user', null, c.own, s.is_shared),
        ('tenancy_wall_update', 'w', false, 'tenancy_user', c.own, c.own, s.is_shared),
        ('tenancy_wall_delete', 'd', false, 'tenancy_user', c.own, null, s.is_shared),
        ('tenancy_bypass', '*', true, 'tenancy_admin', 'tenancy.bypassing()', 'tenancy.bypassing()', true),
        ('tenancy_bypass_wall', '*', false, 'tenancy_admin', 'tenancy.bypassing()', 'tenancy.bypassing()', true)
      ) as w (polname, polcmd, polpermissive, role_name, readable, writable, is_wanted)
     where k.is_tenant and w.is_wanted
    union all
    select k.polrelid, 'tenancy_reference', 'r', true, array[0::oid], 'true', null from kind k where not k.is_tenant
  ), broken as (
    -- No claim at all: the tenant's policies are wanted with NULL in both places, which no policy has.
    select coalesce(w.polrelid, p.polrelid)::regclass as relation, coalesce(w.polname, p.polname) as polname,
           p.polname is null as missing, w.polname is null as unwanted, w.polpermissive as permissive
      from wanted w
      full join present p on p.polrelid = w.polrelid and p.polname = w.polname
     where p.polname is null or w.polname is null
        or (p.polcmd, p.polpermissive, p.polroles, p.readable, p.writable)
           is distinct from (w.polcmd, w.polpermissive, w.polroles, w.readable, w.writable)
  )
  select format('policy "%s" on %s', b.polname, b.relation),
         case when b.missing and b.permissive then format('nothing, but people who should see rows do not: the policy that tenancy.protect() made on %s is gone', b.relation)
              when b.missing then format('the policy that holds against permissive ones which somebody adds to %s is gone: with such a one a tenant sees other tenants'' rows', b.relation)
              when b.unwanted then format('it is taken for a policy of tenancy.protect() on %s, and is none', b.relation)
              else format('its rows, roles or command are not those that tenancy.protect() gives it: rows of other tenants in %s can be read or written', b.relation) end,
         case when b.unwanted then format('drop policy %I on %s', b.polname, b.relation)
              when not coalesce(c.agreed, true)
              then tenancy.advice(format('the policies of %s disagree about the column of the tenant: select step from tenancy.protect(%L, ''the right one'')', b.relation, b.relation))
              else tenancy.protect_again(b.relation, coalesce(c.tenant_column, t.tenant_column), c.owner_column) end
    from broken b
    left join claimed c on c.polrelid = b.relation
    left join tenancy.tenant_table t on t.relation = b.relation
$function$;
-- Rules: policies that somebody else has written, and the functions they call. Whether the policies of tenancy.protect() are
-- what their names say is rule protection_not_intact's; here their names are left out.

-- What to do with a policy or several of one table. A protected table needs no permissive one beside its own; another one
-- wants to be protected in their place. Dropping a restrictive one could open more than it closes.
create function tenancy.replace_policies(relation regclass, tenant_column name, protected boolean, permissive boolean, objects text, drops text)
  returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  call text;
begin
  if protected and permissive then
    return drops;
  elsif protected or tenant_column is null and not permissive then
    return tenancy.advice(format('write %s with columns and constants alone', objects));
  elsif tenant_column is null then
    return tenancy.advice(format('%s; select step from tenancy.protect(%L, ''the column of the tenant'')', drops, relation));
  end if;
  call := tenancy.protect_first(relation, tenant_column);
  return case when call like '--%' then call else drops || '; ' || call end;
end
$function$;
comment on function tenancy.replace_policies(regclass, name, boolean, boolean, text, text) is
  'internal: the statement that replaces policies of a table by those of tenancy.protect(), or a comment where a person must decide';

create view tenancy.foreign_policy as
  -- Made once: the estimate of how many policies match is low, and would have it made for each.
  with tenant_table as materialized (
    select t.relation, t.protected, t.tenant_column from tenancy.tenant_table t
  )
  select p.oid, p.polrelid::pg_catalog.regclass as relation, p.polname, p.polpermissive, p.polcmd, p.polroles, w.object,
         -- The stored trees, in which no text of the policy's author can look like something else.
         pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text) as trees,
         pg_catalog.pg_get_expr(p.polqual, p.polrelid) as readable,
         pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as writable,
         t.relation is not null as on_tenant_table,
         coalesce(t.protected, false) as on_protected_table,
         t.tenant_column,
         w.drop,
         tenancy.replace_policies(p.polrelid, t.tenant_column, coalesce(t.protected, false), p.polpermissive, w.object, w.drop) as mend
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid and c.relpersistence <> 't'
    cross join lateral (select pg_catalog.format('policy "%s" on %s', p.polname, p.polrelid::pg_catalog.regclass) as object,
                               pg_catalog.format('drop policy %I on %s', p.polname, p.polrelid::pg_catalog.regclass) as drop) w
    left join tenant_table t on t.relation = p.polrelid
   where p.polname <> all (tenancy.our_policies())
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e');
comment on view tenancy.foreign_policy is
  'internal: policies that are not tenancy.protect()''s by name, with the kind of table they are on and what would replace them';
revoke all on tenancy.foreign_policy from public;

create function tenancy.first_of(objects text[]) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select array_to_string(objects[1:3], ', ') || case when cardinality(objects) > 3 then format(' and %s more', cardinality(objects) - 3) else '' end
$function$;
comment on function tenancy.first_of(text[]) is 'internal: the first three of a list, and how many more there are';

-- Functions of others that a policy calls by itself or by an operator. Those of PostgreSQL are in no dependency, and
-- those of this extension are what policies are to be made of.
create view tenancy.policy_function as
  select p.oid as function, p.proowner, p.pronamespace, p.prolang, p.provolatile, p.proleakproof, p.proconfig, p.prosrc, p.prosqlbody, p.prosecdef,
         'function ' || p.oid::pg_catalog.regprocedure as object,
         f.oid as policy, f.object as policy_object, f.relation, f.mend as policy_mend
    from tenancy.foreign_policy f
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = f.oid
    left join pg_catalog.pg_operator o on d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass and o.oid = d.refobjid
    join pg_catalog.pg_proc p
      on p.oid = case when d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass then d.refobjid else o.oprcode end
   where d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e');
comment on view tenancy.policy_function is 'internal: functions of no extension that policies call, one row for each policy';
revoke all on tenancy.policy_function from public;

-- Settings that anybody can write with SET. The context's own are written by the extension alone.
create function tenancy.reads_forgeable_setting(body text) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select regexp_replace(body, 'current_setting\s*\(\s*''tenancy\.(user_id|tenant_id|session_id|bypass)''', '', 'gi') ~* 'current_setting'
$function$;
comment on function tenancy.reads_forgeable_setting(text) is 'internal: whether a text of SQL reads a setting that any client can write';

revoke execute on function
  tenancy.replace_policies(regclass, name, boolean, boolean, text, text), tenancy.first_of(text[]), tenancy.reads_forgeable_setting(text)
from public;

-- ---------------------------------------------------------------- what a policy lets through

select tenancy.define_rule('several_permissive_policies', 'critical', 'permissive policies that add their rows to each other');
create function tenancy.rule_several_permissive_policies() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('the rows it shows are added to those that %s shows: the widest policy decides what %s sees of %s',
                string_agg(distinct format('policy "%s"', o.polname), ', '),
                case when 0 = any (f.polroles) then 'everybody' else array_to_string(array(select pg_get_userbyid(r) from unnest(f.polroles) r), ', ') end,
                f.relation),
         f.drop
    from tenancy.foreign_policy f
    join pg_policy o on o.polrelid = f.relation and o.oid <> f.oid and o.polpermissive
     and (o.polcmd = f.polcmd or o.polcmd = '*' or f.polcmd = '*')
     and (o.polroles && f.polroles or 0 = any (o.polroles || f.polroles))
   where f.polpermissive and f.on_tenant_table
   group by f.object, f.polroles, f.relation, f.drop
$function$;

select tenancy.define_rule('policy_always_true', 'critical', 'a permissive policy that lets every row through');
create function tenancy.rule_policy_always_true() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('%s %s the rows of all tenants in %s',
                case when 0 = any (f.polroles) then 'everybody' else array_to_string(array(select pg_get_userbyid(r) from unnest(f.polroles) r), ', ') end,
                case when bool_or(e.is_check) then 'writes' else 'sees' end, f.relation),
         f.mend
    from tenancy.foreign_policy f
    cross join lateral (values (f.readable, false), (f.writable, true)) as e (expression, is_check)
   where f.polpermissive and f.on_tenant_table
     and (e.expression = 'true'
          or e.expression ~ '\m(OR true|true OR)\M'
          -- A column compared with itself, or only asked whether it is NULL.
          or e.expression ~ '^\((\w+|"[^"]+") (=|>=|<=) \1\)$'
          or e.expression ~ '^\((\w+|"[^"]+") IS NOT NULL\)$'
          -- Constants alone.
          or e.expression <> 'false' and f.trees !~ ':varattno |:funcid |\{(SUBLINK|SQLVALUEFUNCTION) ')
   group by f.object, f.polroles, f.relation, f.mend
  union all
  -- Not for the name, which is one of ours, but for the place.
  select format('policy "%s" on %s', p.polname, t.relation),
         format('everybody who may read %s sees the rows of all tenants: its rows are declared to be for all', t.relation),
         format('drop policy %I on %s; %s', p.polname, t.relation, tenancy.protect_first(t.relation, t.tenant_column))
    from tenancy.tenant_table t join pg_policy p on p.polrelid = t.relation and p.polname = 'tenancy_reference'
   where not t.protected
$function$;

select tenancy.define_rule('policy_has_or_isnull', 'high', 'a permissive policy with a second way in: OR, IS NULL, COALESCE, CASE');
create function tenancy.rule_policy_has_or_isnull() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('whoever makes the other side true (no context, a NULL, a value that a client sets) sees rows of other tenants in %s', f.relation),
         f.mend
    from tenancy.foreign_policy f
   where f.polpermissive and f.on_tenant_table
     and f.trees ~ '\{BOOLEXPR :boolop or |:nulltesttype 0 |\{(COALESCE|CASE)(EXPR)? '
$function$;

select tenancy.define_rule('per_command_policies', 'high', 'policies that judge commands differently: what may be written is not what may be read');
create function tenancy.rule_per_command_policies() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.relation::text,
         format('the most lenient of its policies decides: rows of %s can be written for, moved to or taken from other tenants that cannot be read', f.relation),
         tenancy.replace_policies(f.relation, f.tenant_column, false, bool_and(f.polpermissive),
           string_agg(distinct f.object, ', '), string_agg(distinct f.drop, '; '))
    from tenancy.foreign_policy f
    cross join lateral (values (f.readable), (f.writable)) as e (expression)
   where f.polpermissive and f.on_tenant_table and not f.on_protected_table and e.expression is not null
   group by f.relation, f.tenant_column
  having count(distinct e.expression) > 1 and (bool_or(f.polcmd <> '*') or bool_or(f.writable <> f.readable))
$function$;

select tenancy.define_rule('no_restrictive_tenant_policy', 'high', 'a tenant table whose own policies nothing holds: the next permissive one widens them');
create function tenancy.rule_no_restrictive_tenant_policy() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select t.relation::text,
         format('one more permissive policy on %s, by a mistake or by whoever may write as its owner, shows a tenant the rows of others', t.relation),
         tenancy.protect_first(t.relation, t.tenant_column)
    from tenancy.tenant_table t
    join pg_attribute a on a.attrelid = t.relation and a.attname = t.tenant_column
   where t.relrowsecurity and not t.protected and not t.is_child
     and exists (select from pg_policy p where p.polrelid = t.relation and p.polname <> all (tenancy.our_policies()))
     and not exists (select from pg_policy p
                      where p.polrelid = t.relation and not p.polpermissive and p.polcmd = '*'
                        and (0 = any (p.polroles) or (select r.oid from pg_roles r where r.rolname = 'tenancy_user') = any (p.polroles))
                        and p.polqual::text like format('%%:varattno %s %%', a.attnum))
$function$;

select tenancy.define_rule('policy_names_reachable_role', 'high', 'a permissive policy for a role that an attacker can become');
create function tenancy.rule_policy_names_reachable_role() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('%s becomes %s, by inheritance or SET ROLE, and has what the policy shows of %s',
                string_agg(distinct pg_get_userbyid(r.exposed), ', '), string_agg(distinct pg_get_userbyid(r.role), ', '), f.relation),
         f.mend
    from tenancy.foreign_policy f
    join tenancy.reachable_role r on r.role = any (f.polroles)
   where f.polpermissive and f.on_tenant_table
     -- Statements run as the first two anyway, and the third is all the gateway is.
     and pg_get_userbyid(r.role) not in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
   group by f.object, f.relation, f.mend
$function$;

select tenancy.define_rule('policy_reads_setting', 'critical', 'a policy that believes a setting which any client can write');
create function tenancy.rule_policy_reads_setting() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('one SET, or set_config() in a sub-select, names another tenant, and the rows of %s are that tenant''s', f.relation),
         f.mend
    from tenancy.foreign_policy f
   -- On a protected table a restrictive policy only takes rows away from what is the tenant's.
   where (f.polpermissive or not f.on_protected_table)
     and (f.trees ~ ':funcid (2077|3294) ' and tenancy.reads_forgeable_setting(concat(f.readable, ' ', f.writable))
          or f.oid in (select p.policy from tenancy.policy_function p
                        where tenancy.reads_forgeable_setting(coalesce(pg_get_function_sqlbody(p.function), p.prosrc))))
$function$;

select tenancy.define_rule('policy_on_current_user', 'medium', 'a policy that goes by the database role');
create function tenancy.rule_policy_on_current_user() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('all who share a role see the same rows of %s; SET ROLE and SECURITY DEFINER functions change whose they are', f.relation),
         f.mend
    from tenancy.foreign_policy f
   -- CURRENT_ROLE, CURRENT_USER, USER, SESSION_USER.
   where f.polpermissive and f.trees ~ '\{SQLVALUEFUNCTION :op (9|10|11|12) '
$function$;

select tenancy.define_rule('policy_with_subselect', 'medium', 'a policy with a sub-select');
create function tenancy.rule_policy_with_subselect() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('it depends on what the asking role sees of other relations, hides the tenant from the planner, and takes longer the more rows of others %s has', f.relation),
         f.mend
    from tenancy.foreign_policy f
   where f.trees like '%{SUBLINK %'
$function$;

-- ---------------------------------------------------------------- what a policy calls

select tenancy.define_rule('policy_function_mutable_search_path', 'critical', 'a policy''s function that looks names up where the caller says');
create function tenancy.rule_policy_function_mutable_search_path() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with called as (
    select p.function, p.object, n.nspname, tenancy.first_of(array_agg(distinct p.policy_object)) as policies,
           (select substr(s, 13) from unnest(p.proconfig) s where s like 'search\_path=%') as path
      from tenancy.policy_function p
      join pg_language l on l.oid = p.prolang
      join pg_namespace n on n.oid = p.pronamespace
     -- A body of BEGIN ATOMIC was looked up when it was made.
     where p.prosqlbody is null and l.lanname not in ('c', 'internal')
     group by p.function, p.object, n.nspname, p.proconfig
  )
  select c.object,
         format('an object of the same name in pg_temp or another schema that an attacker fills runs in %s, also for the next tenant on the connection', c.policies),
         format('alter function %s set search_path = pg_catalog%s, pg_temp', c.function::regprocedure,
                case when c.path is null then ', ' || quote_ident(c.nspname)
                     -- Each name quoted anew: the text of a setting is the owner's.
                     else (select string_agg(', ' || quote_ident(e.name), '' order by e.position)
                             from (select replace(regexp_replace(btrim(x.part), '^"|"$', '', 'g'), '""', '"') as name, x.position
                                     from regexp_split_to_table(c.path, ',') with ordinality as x (part, position)) e
                            where e.name not in ('', 'pg_catalog', 'pg_temp')) end)
    from called c
   -- Where pg_temp is not named it is searched first, even when the path is empty.
   where c.path is null or c.path !~ '(^|[, "])pg_temp"?\s*$'
$function$;

select tenancy.define_rule('immutable_function_reads_context', 'critical', 'a function declared IMMUTABLE that reads who is asking');
create function tenancy.rule_immutable_function_reads_context() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'function ' || p.oid::regprocedure,
         'its answer for one tenant is kept in plans, and given to the next tenant whose statement uses the plan',
         format('alter function %s stable', p.oid::regprocedure)
    from pg_proc p
    join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
   where p.provolatile = 'i' and p.prokind = 'f' and p.oid >= 16384
     and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
         ~* '\m(current_setting|current_user|session_user|current_role|set_config)\M|\mtenancy\s*\.\s*(tenant_|user_|bypassing|session_id|whoami)'
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
$function$;

select tenancy.define_rule('policy_function_replaceable', 'high', 'a policy''s function that somebody else can replace');
create function tenancy.rule_policy_function_replaceable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with called as (
    select p.function, p.object, p.proowner, p.prosecdef, n.oid as schema, n.nspowner, n.nspacl,
           min(c.relowner) as table_owner, bool_and(c.relowner = p.proowner) as owned_alike,
           tenancy.first_of(array_agg(distinct p.policy_object)) as policies
      from tenancy.policy_function p
      join pg_class c on c.oid = p.relation
      join pg_namespace n on n.oid = p.pronamespace
     group by p.function, p.object, p.proowner, p.prosecdef, n.oid, n.nspowner, n.nspacl
  ), reachable (role) as (
    select distinct r.role from tenancy.reachable_role r
  ), judged as (
    select c.*,
           c.proowner in (select r.role from reachable r)
           or not c.owned_alike and not (select u.rolsuper from pg_roles u where u.oid = c.proowner) as by_owner,
           array(select distinct g.grantee from aclexplode(coalesce(c.nspacl, acldefault('n', c.nspowner))) g
                  where g.privilege_type = 'CREATE' and g.grantee <> c.nspowner
                    and (g.grantee = 0 or g.grantee in (select r.role from reachable r))) as creators
      from called c
  )
  select j.object,
         case when j.by_owner then format('%s replaces the function, and %s lets through what they like', pg_get_userbyid(j.proowner), j.policies)
              else format('%s makes functions in its schema that calls in its body find before those that were meant, and %s runs them',
                          (select string_agg(case g when 0 then 'everybody' else pg_get_userbyid(g) end, ', ') from unnest(j.creators) g), j.policies) end,
         concat_ws('; ',
           (select string_agg(format('revoke create on schema %s from %s', j.schema::regnamespace,
                                     case g when 0 then 'public' else quote_ident(pg_get_userbyid(g)) end), '; ')
              from unnest(j.creators) g),
           case when j.by_owner and (j.table_owner in (select r.role from reachable r)
                                     -- As a superuser's, SECURITY DEFINER would make it all-powerful.
                                     or j.prosecdef and (select u.rolsuper from pg_roles u where u.oid = j.table_owner))
                then tenancy.advice(format('give function %s to a role that no login of the application can become', j.function::regprocedure))
                when j.by_owner then format('alter function %s owner to %I', j.function::regprocedure, pg_get_userbyid(j.table_owner)) end)
    from judged j
   where j.by_owner or j.creators <> '{}'
$function$;

select tenancy.define_rule('policy_function_volatile', 'medium', 'a policy that calls a VOLATILE function');
create function tenancy.rule_policy_function_volatile() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.object,
         format('it runs once for each row of all tenants and no index helps, so the time tells how many rows others have; its answer may change from row to row (%s)',
                tenancy.first_of(array_agg(distinct p.policy_object))),
         format('alter function %s stable', p.function::regprocedure)
    from tenancy.policy_function p
   where p.provolatile = 'v'
   group by p.function, p.object
  union all
  -- Functions of PostgreSQL, by the policy that calls them.
  select f.object,
         format('%s runs once for each row of all tenants and may answer differently each time', string_agg(distinct p.proname, ', ')),
         f.mend
    from tenancy.foreign_policy f
    cross join lateral regexp_matches(f.trees, ':(?:op)?funcid (\d+) ', 'g') as m (ids)
    join pg_proc p on p.oid = m.ids[1]::oid and p.provolatile = 'v' and p.oid < 16384
   group by f.object, f.mend
$function$;

select tenancy.define_rule('slow_policy_function', 'low', 'a policy that calls a function which the planner cannot look into');
create function tenancy.rule_slow_policy_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.object,
         format('it is a %s function%s: it costs a call for each statement or row, and hides the tenant from the planner''s estimates (%s)',
                case l.lanname when 'plpgsql' then 'PL/pgSQL' when 'sql' then 'SQL' else l.lanname end,
                case when p.proleakproof then '' else ', not leakproof' end, tenancy.first_of(array_agg(distinct p.policy_object))),
         string_agg(distinct p.policy_mend, E';\n')
    from tenancy.policy_function p
    join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
   group by p.function, p.object, p.proleakproof, l.lanname
$function$;

select tenancy.define_rule('leakproof_user_function', 'high', 'a function of the application that is declared LEAKPROOF');
create function tenancy.rule_leakproof_user_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'function ' || p.oid::regprocedure,
         'it may run on rows of other tenants before the policies hide them: its errors, messages and time tell their values, letter by letter',
         format('alter function %s not leakproof', p.oid::regprocedure)
    from pg_proc p
   where p.proleakproof and p.oid >= 16384
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
$function$;
-- Rules: do keys, indexes and sequences hold tenants apart? A key without the tenant is checked on the rows of all tenants,
-- with row security set aside, and its answer is told to whoever writes. The mends put the tenant into the key, under the same
-- name; each may be run twice, and after the mend of another key. To check old rows, a foreign key reads both tables whole: a
-- superuser can, an owner who is held by FORCE cannot and takes tenancy.protect(…, keys => true) instead.

-- ---------------------------------------------------------------- what the rules ask
-- These are functions and not views: the planner takes a function for a thousand rows, the rows of a view over the catalogs
-- for one, and then joins each table with each.
create function tenancy.tenant_relations() returns setof tenancy.protection
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.* from tenancy.protection p where p.kind = 'tenant'
$function$;
comment on function tenancy.tenant_relations() is 'internal: the protected relations with rows of tenants';

-- Rights to relations and sequences that a statement of an attacker may use; those of the owner are his own.
create function tenancy.exposed_grants()
  returns table (relation oid, attnum int2, grantee oid, grantee_name text, privilege text, is_admin boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select 0::oid as oid, 'public' as name, false as is_admin
    union
    select x.oid, quote_ident(x.rolname), x.rolname = 'tenancy_admin' from tenancy.reachable_role r join pg_roles x on x.oid = r.role
  ), granted as (
    select c.oid as relation, c.relowner, 0::int2 as attnum, g.grantee, g.privilege_type
      from pg_class c cross join aclexplode(c.relacl) g
     where c.relacl is not null
    union all
    select c.oid, c.relowner, a.attnum, g.grantee, g.privilege_type
      from pg_attribute a join pg_class c on c.oid = a.attrelid cross join aclexplode(a.attacl) g
     where a.attacl is not null and a.attnum > 0 and not a.attisdropped
  )
  select g.relation, g.attnum, g.grantee, a.name, g.privilege_type, a.is_admin
    from granted g join attacker a on a.oid = g.grantee
   where g.grantee <> g.relowner
$function$;
comment on function tenancy.exposed_grants() is 'internal: rights to relations (attnum 0) and columns that an attacker''s statement may use, without those of the owner; is_admin: of the role that on a protected table needs a bypass';

-- Tables that tenants write to, by their own name or through a parent: nobody else can try the values of a key.
create function tenancy.written_by_tenants() returns table (relation oid)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive written (relation) as (
    select g.relation from tenancy.exposed_grants() g where g.privilege in ('INSERT', 'UPDATE') and not g.is_admin
    union
    select h.inhrelid from pg_inherits h join written on h.inhparent = written.relation
  )
  select written.relation from written
$function$;
comment on function tenancy.written_by_tenants() is 'internal: relations that a tenant''s statement may insert into or update, or whose parent it may';

-- A key or index with the tenant column before its own: the statement that makes it.
create function tenancy.index_led_by_tenant(index_oid oid, tenant_column name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with made as (
    select i.indexrelid::regclass as index, i.indrelid::regclass as relation, i.indisreplident, ic.relname, k.conname, k.contype,
           case when k.oid is not null then pg_get_constraintdef(k.oid) else pg_get_indexdef(i.indexrelid) end as definition,
           -- A quoted name may hold any text, so the head of CREATE INDEX is spelled out, not searched for.
           format(' INDEX %I ON %s%I.%I USING %I (', ic.relname, case c.relkind when 'p' then 'ONLY ' else '' end, n.nspname, c.relname, am.amname) as head,
           format('create %sindex %I on %s using btree (%I, ', case when i.indisunique then 'unique ' else '' end, ic.relname, i.indrelid::regclass, tenant_column) as new_head,
           coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(i.indexrelid, 'pg_class')) as comment
      from pg_index i
      join pg_class ic on ic.oid = i.indexrelid
      join pg_am am on am.oid = ic.relam
      join pg_class c on c.oid = i.indrelid
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
     where i.indexrelid = index_oid
  )
  select case
           when m.conname is not null then
             format('alter table %s drop constraint %I, add constraint %I %s%I%s, %s', m.relation, m.conname, m.conname,
                    left(m.definition, strpos(m.definition, '(')), tenant_column,
                    case m.contype when 'x' then ' with operator(pg_catalog.=)' else '' end,
                    substr(m.definition, strpos(m.definition, '(') + 1))
             || case when m.comment is not null then format('; comment on constraint %I on %s is %L', m.conname, m.relation, m.comment) else '' end
           else
             format('drop index %s; %s%s', m.index, m.new_head, substr(m.definition, strpos(m.definition, m.head) + length(m.head)))
             || case when m.comment is not null then format('; comment on index %s is %L', m.index, m.comment) else '' end
         end
         || case when m.indisreplident then format('; alter table %s replica identity using index %I', m.relation, m.relname) else '' end
    from made m
$function$;
comment on function tenancy.index_led_by_tenant(oid, name) is 'internal: the statement that makes a key or index again with the tenant column first';

-- Foreign keys between protected tables in which the tenants of both sides need not be the same. obstacle: why none of the
-- statements that follow can mend it.
create function tenancy.open_foreign_keys()
  returns table (foreign_key oid, name name, child regclass, parent regclass, parent_index oid, on_delete "char", on_update "char",
                 obstacle text, unique_statement text, clause text, comment_statement text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with open as materialized (
    select k.*, k.oid as key_oid, c.tenant_attnum as child_tenant, p.tenant_attnum as parent_tenant, c.tenant_column as child_column, p.tenant_column as parent_column,
           case
             when c.shared or p.shared then 'rows that are shared have no tenant, so no foreign key holds it; drop the key, or give the shared rows a table of their own'
             when p.tenant_attnum = any (k.confkey) or c.tenant_attnum = any (k.conkey) then 'it names a tenant that is not the row''s own; drop the key, or accept it where tenants may refer to each other'
             when c.tenant_type <> p.tenant_type and not (c.tenant_type in ('int4'::regtype, 'int8'::regtype) and p.tenant_type in ('int4'::regtype, 'int8'::regtype))
               then 'the tenant columns are of different types; give them the same one, then ask tenancy.check() again'
             -- Of PostgreSQL 18: PERIOD needs a key WITHOUT OVERLAPS on the other side.
             when (to_jsonb(k) ->> 'conperiod')::boolean then 'it refers to a period; make the parent''s key and this one again with the tenant first'
             when k.confdeltype in ('n', 'd') and current_setting('server_version_num')::integer < 150000
               then 'ON DELETE SET NULL or SET DEFAULT that leaves the tenant alone needs PostgreSQL 15; choose another action'
           end as why_not
      from pg_constraint k
      join tenancy.tenant_relations() c on c.relation = k.conrelid
      join tenancy.tenant_relations() p on p.relation = k.confrelid
     -- A key of a table of tenants is a tenant: what refers to it names a tenant and no row of one.
     where k.contype = 'f' and k.conparentid = 0 and not p.registry
       and not exists (select from unnest(k.conkey, k.confkey) as u (child, parent)
                        where u.child = c.tenant_attnum and u.parent = p.tenant_attnum)
  )
  select o.key_oid, o.conname, o.conrelid::regclass, o.confrelid::regclass, o.conindid, o.confdeltype, o.confupdtype, o.why_not,
         case when not known.has_unique then
           format('create unique index if not exists %I on %s (%I, %s)',
             case when octet_length(known.index_name) > 63
                       or exists (select from pg_class t join pg_class r on r.oid = o.confrelid
                                   where t.relname = known.index_name and t.relnamespace = r.relnamespace)
                  then left(known.relname, 10) || '_' || left(md5(known.index_name), 12) || '_key' else known.index_name end,
             o.confrelid::regclass, o.parent_column, pair.parent_columns) end,
         format('add constraint %I foreign key (%I, %s) references %s (%I, %s)%s%s%s%s%s', o.conname,
           o.child_column, pair.child_columns, o.confrelid::regclass, o.parent_column, pair.parent_columns,
           -- With the tenant, which is never NULL, MATCH FULL would refuse a row without a parent.
           case when o.confmatchtype = 'f' and not pair.nullable then ' match full' else '' end,
           -- SET NULL would take the tenant too, and there is no list of columns for ON UPDATE: the change is refused then.
           case o.confupdtype when 'r' then ' on update restrict' when 'c' then ' on update cascade' else '' end,
           case o.confdeltype when 'r' then ' on delete restrict' when 'c' then ' on delete cascade'
                              when 'n' then format(' on delete set null (%s)', pair.emptied_columns)
                              when 'd' then format(' on delete set default (%s)', pair.emptied_columns) else '' end,
           case when o.condeferrable then ' deferrable' || case when o.condeferred then ' initially deferred' else '' end else '' end,
           case when not o.convalidated then ' not valid' else '' end)
         || case when o.confmatchtype = 'f' and pair.nullable and cardinality(o.conkey) > 1
                 then format(', drop constraint if exists %1$I, add constraint %1$I check (pg_catalog.num_nulls(%2$s) in (0, %3$s))',
                             'match_full_' || left(md5(o.conname), 12), pair.child_columns, cardinality(o.conkey)) else '' end,
         (select format('; comment on constraint %I on %s is %L', o.conname, o.conrelid::regclass, d.description)
            from pg_description d where d.classoid = 'pg_constraint'::regclass and d.objoid = o.key_oid and d.objsubid = 0)
    from open o
    cross join lateral (
      select string_agg(quote_ident(c.attname), ', ' order by u.position) as child_columns,
             string_agg(quote_ident(p.attname), ', ' order by u.position) as parent_columns,
             string_agg(p.attname, '_' order by u.position) as names,
             -- Servers before 15 have no such column, and then it means all.
             string_agg(quote_ident(c.attname), ', ' order by u.position)
               filter (where coalesce(to_jsonb(o) -> 'confdelsetcols' in ('null', '[]'), true)
                             or to_jsonb(o) -> 'confdelsetcols' @> to_jsonb(u.child)) as emptied_columns,
             bool_or(not c.attnotnull) as nullable,
             array_agg(u.parent order by u.parent) as parents
        from unnest(o.conkey, o.confkey) with ordinality as u (child, parent, position)
        join pg_attribute c on c.attrelid = o.conrelid and c.attnum = u.child
        join pg_attribute p on p.attrelid = o.confrelid and p.attnum = u.parent) pair
    cross join lateral (
      select r.relname, format('%s_%s_%s_key', r.relname, o.parent_column, pair.names) as index_name,
             exists (select from pg_index i
                      where i.indrelid = o.confrelid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
                        and array(select c from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) c order by c)
                          = array(select c from unnest(o.parent_tenant || pair.parents) c order by c)) as has_unique
        from pg_class r where r.oid = o.confrelid) known
$function$;
comment on function tenancy.open_foreign_keys() is 'internal: foreign keys between protected tables that do not hold the tenant, with the parts of their mend';

-- A statement that checks old rows. The planner calls functions that stand in indexes and checks, of both tables: where there
-- are such, they must not run as the superuser who mends.
create function tenancy.on_old_rows(child regclass, parent regclass, statement text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case when exists (
      select from (select 'pg_class'::regclass::oid as classid, i.indexrelid as objid from pg_index i
                    where i.indrelid in (child, parent) and (i.indexprs is not null or i.indpred is not null)
                   union all
                   select 'pg_constraint'::regclass, k.oid from pg_constraint k where k.conrelid in (child, parent) and k.contype = 'c') part
        join pg_depend d on d.classid = part.classid and d.objid = part.objid
         and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass))
    then format('select tenancy.run_on_rows(%1$L, array(select tenancy.with_children(%1$L) union select tenancy.with_children(%2$L)), %3$L)',
                child, parent, statement)
    else statement end
$function$;
comment on function tenancy.on_old_rows(regclass, regclass, text) is
  'internal: a statement that checks old rows, to be run as the owner where it may run code of his';

create function tenancy.mend_of_foreign_key(child regclass, parent regclass, name name, obstacle text, unique_statement text, clause text, comment_statement text)
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce('-- ' || obstacle,
                  coalesce(unique_statement || '; ', '')
                  || tenancy.on_old_rows(child, parent, format('alter table %s drop constraint %I, %s', child, name, clause))
                  || coalesce(comment_statement, ''))
$function$;
comment on function tenancy.mend_of_foreign_key(regclass, regclass, name, text, text, text, text) is 'internal: the mend of a foreign key, of its parts';

-- Unique keys without the tenant on tables that tenants write to, where somebody could choose or guess the values.
create function tenancy.open_keys()
  returns table (key_index oid, object text, relation regclass, columns int2[], mend text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with indexed as materialized (
    select i.indexrelid, i.indrelid, i.indisexclusion, (i.indkey::int2[])[0:i.indnkeyatts - 1] as columns, i.indkey::int2[] as all_columns,
           p.tenant_attnum, p.tenant_column, p.tenant_type, p.shared, k.oid as key_oid, k.conname, k.conexclop
      from pg_index i
      join tenancy.tenant_relations() p on p.relation = i.indrelid and not p.registry
      left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
     where (i.indisunique or i.indisexclusion) and i.indrelid in (select w.relation from tenancy.written_by_tenants() w)
  ), unchosen as materialized (
    -- A value that nobody chooses tells nobody anything: always generated, or drawn at random.
    select x.indexrelid
      from indexed x
      cross join unnest(x.columns) u (attnum)
      join pg_attribute a on a.attrelid = x.indrelid and a.attnum = u.attnum
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attidentity = 'a'
        or a.atttypid = 'uuid'::regtype
           and pg_get_expr(d.adbin, d.adrelid) ~ '^(gen_random_uuid|uuidv4|uuidv7|[^()]+\.(gen_random_uuid|uuid_generate_v4))\(\)$'
  ), open as materialized (
    select x.*
      from indexed x
     where not exists (select from generate_subscripts(x.columns, 1) s
                        where x.columns[s] = x.tenant_attnum
                          -- An exclusion holds tenants apart when it asks the tenant for equality.
                          and (not x.indisexclusion
                               or x.conexclop[s] = any (array(select o.amopopr from pg_amop o join pg_am am on am.oid = o.amopmethod
                                                               where am.amname = 'btree' and o.amopstrategy = 3))))
       and not exists (select from pg_inherits h where h.inhrelid = x.indexrelid)
       and (x.indisexclusion or x.indexrelid not in (select u.indexrelid from unchosen u))
  ), referring as materialized (
    select f.* from tenancy.open_foreign_keys() f
     where f.obstacle is null and f.parent_index in (select o.indexrelid from open o)
  )
  select o.indexrelid,
         case when o.conname is not null then format('constraint %I on %s', o.conname, o.indrelid::regclass)
              else format('index %s', o.indexrelid::regclass) end,
         o.indrelid::regclass, o.columns,
         case
           when o.shared then '-- rows that are shared have no tenant to put into the key; make its values GENERATED ALWAYS AS IDENTITY or random uuids'
           when o.tenant_attnum = any (o.all_columns) and not o.indisexclusion then '-- its INCLUDE columns hold the tenant; make it again with the tenant first in the key'
           when o.indisexclusion and o.tenant_attnum = any (o.all_columns) then '-- it does not ask the tenant for equality; make it again with the tenant WITH ='
           when blocked.by is not null then
             -- A name may hold a line's end, which ends a comment.
             format('-- %s refers to it and cannot hold the tenant; protect that table or drop its foreign key first', translate(blocked.by, E'\n\r', '  '))
           else coalesce((select string_agg(format('alter table %s drop constraint %I; ', f.child, f.name), '' order by f.child::text, f.name)
                            from referring f where f.parent_index = o.indexrelid), '')
                || case when o.indisexclusion and not exists (
                          select from pg_opclass oc join pg_class ic on ic.relam = oc.opcmethod
                           where ic.oid = o.indexrelid and oc.opcdefault and oc.opcintype = o.tenant_type)
                        then 'create extension if not exists btree_gist; ' else '' end
                || tenancy.index_led_by_tenant(o.indexrelid, o.tenant_column)
                || coalesce((select string_agg('; ' || tenancy.on_old_rows(f.child, f.parent, format('alter table %s %s', f.child, f.clause)) || coalesce(f.comment_statement, ''), ''
                                          order by f.child::text, f.name)
                               from referring f where f.parent_index = o.indexrelid), '')
         end
    from open o
    left join lateral (
      select format('constraint %I on %s', k.conname, k.conrelid::regclass) as by
        from pg_constraint k
       where k.contype = 'f' and k.conparentid = 0 and k.confrelid = o.indrelid and k.conindid = o.indexrelid
         and k.oid not in (select f.foreign_key from referring f)
       order by 1 limit 1) blocked on true
$function$;
comment on function tenancy.open_keys() is 'internal: unique keys of protected tables that are checked on the rows of all tenants, with their mend';

revoke execute on function
  tenancy.tenant_relations(), tenancy.exposed_grants(), tenancy.written_by_tenants(),
  tenancy.index_led_by_tenant(oid, name), tenancy.open_foreign_keys(), tenancy.on_old_rows(regclass, regclass, text), tenancy.mend_of_foreign_key(regclass, regclass, name, text, text, text, text), tenancy.open_keys()
from public;

-- ---------------------------------------------------------------- foreign keys
select tenancy.define_rule('foreign_key_without_tenant', 'high', 'a foreign key that reaches other tenants'' rows');
create function tenancy.rule_foreign_key_without_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('constraint %I on %s', f.name, f.child),
         format('a tenant''s row in %s can point at another tenant''s row in %s; the error when there is none tells which keys exist, and the other tenant can no longer delete its row',
                f.child, f.parent),
         tenancy.mend_of_foreign_key(f.child, f.parent, f.name, f.obstacle, f.unique_statement, f.clause, f.comment_statement)
    from tenancy.open_foreign_keys() f
$function$;

select tenancy.define_rule('foreign_key_to_unprotected_table', 'medium', 'a foreign key of rows that tenants write to a table without protection');
create function tenancy.rule_foreign_key_to_unprotected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('constraint %I on %s', k.conname, k.conrelid::regclass),
         format('the error of a missing parent tells which rows of %s there are, whether tenants may read it or not, and a row can refer to one that belongs to another tenant',
                k.confrelid::regclass),
         tenancy.advice('protect the table that it refers to: with its tenant column, or with reference => true where all tenants may know its rows')
    from pg_constraint k
    join tenancy.tenant_relations() c on c.relation = k.conrelid
   where k.contype = 'f' and k.conparentid = 0 and c.writable
     and k.confrelid not in (select p.relation from tenancy.protection p)
     -- The tenant itself: what it refers to is the table of tenants.
     and k.conkey <> array[c.tenant_attnum]
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = k.confrelid and d.deptype = 'e')
$function$;

select tenancy.define_rule('cascade_without_tenant', 'high', 'a foreign key that changes other tenants'' rows');
create function tenancy.rule_cascade_without_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('constraint %I on %s', f.name, f.child),
         format('a tenant who deletes or changes its row in %s thereby %s the rows in %s that point at it, of whatever tenant: row security is not asked',
                f.parent, case when 'c' in (f.on_delete, f.on_update) then 'deletes or changes' else 'changes' end, f.child),
         tenancy.mend_of_foreign_key(f.child, f.parent, f.name, f.obstacle, f.unique_statement, f.clause, f.comment_statement)
    from tenancy.open_foreign_keys() f
   where f.on_delete in ('c', 'n', 'd') or f.on_update in ('c', 'n', 'd')
$function$;

-- ---------------------------------------------------------------- unique keys and indexes
select tenancy.define_rule('unique_without_tenant', 'medium', 'a key that is unique over all tenants');
create function tenancy.rule_unique_without_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select k.object,
         format('a tenant who inserts into %s learns from the conflict that another tenant has the value, and can take values before others do', k.relation),
         k.mend
    from tenancy.open_keys() k
$function$;

-- Keys that are unique have the rule above. Other access methods than these have no leading column, or none for the tenant.
select tenancy.define_rule('index_not_led_by_tenant', 'medium', 'an index that is searched over all tenants');
create function tenancy.rule_index_not_led_by_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('index %s', i.indexrelid::regclass),
         format('a search through it reads the entries of all tenants in %s before row security hides them: the time it takes tells whether another tenant has the value, and how many',
                p.relation),
         tenancy.index_led_by_tenant(i.indexrelid, p.tenant_column)
    from tenancy.tenant_relations() p
    join pg_index i on i.indrelid = p.relation
    join pg_class ic on ic.oid = i.indexrelid
    join pg_am am on am.oid = ic.relam
   where not p.registry and not i.indisunique and not i.indisexclusion and am.amname in ('btree', 'hash')
     and (i.indkey::int2[])[0] <> p.tenant_attnum
     and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
     -- At each attach the directory asks for a user's memberships in all tenants.
     and p.relation not in (select d.relation from tenancy.directory_table d)
$function$;

select tenancy.define_rule('no_index_on_tenant', 'medium', 'a protected table without an index on the tenant');
create function tenancy.rule_no_index_on_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.relation::text,
         format('each statement on %s reads the rows of all tenants: the time it takes tells how many the others have, and one tenant slows all down', p.relation),
         format('create index on %s (%s)', p.relation,
                (select string_agg(quote_ident(a.attname), ', ' order by k.position)
                   from (select p.tenant_attnum as attnum, 0::bigint as position
                         union all
                         select u.attnum, u.position
                           from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as u (attnum, position)
                          where i.indrelid = p.relation and i.indisprimary and u.position <= i.indnkeyatts and u.attnum <> p.tenant_attnum) k
                   join pg_attribute a on a.attrelid = p.relation and a.attnum = k.attnum))
    from tenancy.tenant_relations() p
   where (p.relation::oid, p.tenant_attnum) not in (
           select i.indrelid, i.indkey[0]
             from pg_index i
             join pg_class ic on ic.oid = i.indexrelid
             join pg_am am on am.oid = ic.relam
            where i.indisvalid and i.indpred is null and am.amname = 'btree')
$function$;

-- ---------------------------------------------------------------- sequences
select tenancy.define_rule('guessable_or_writable_sequence_key', 'medium', 'a key from a sequence that tenants may choose');
create function tenancy.rule_guessable_or_writable_sequence_key() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('column %I of %s', a.attname, k.relation),
         format('a tenant who inserts into %s may choose the key: it takes the next values of the sequence in advance, and the inserts of all other tenants fail', k.relation),
         case
           -- An identity is not handed down to partitions and children there are; the tenant in the key does as well.
           when exists (select from pg_inherits h where h.inhparent = k.relation or h.inhrelid = k.relation) then k.mend
           when a.attidentity = 'd' then format('alter table %s alter column %I set generated always', k.relation, a.attname)
           else format('alter table %1$s alter column %2$I drop default', k.relation, a.attname)
                || case when s.owned then format('; alter sequence %s owned by none', s.sequence) else '' end
                || '; ' || tenancy.on_old_rows(k.relation, k.relation,
                     format('alter table %1$s alter column %2$I set not null, alter column %2$I add generated always as identity', k.relation, a.attname))
                || format('; select pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%L, %L), pg_catalog.nextval(%L))', k.relation::text, a.attname, s.sequence::text)
                || case when s.owned then format('; drop sequence %s', s.sequence) else '' end
         end
    from tenancy.open_keys() k
    join pg_attribute a on a.attrelid = k.relation and a.attnum = k.columns[1]
    left join lateral (
      select d.refobjid::regclass as sequence,
             exists (select from pg_depend o where o.classid = 'pg_class'::regclass and o.objid = d.refobjid
                        and o.refclassid = 'pg_class'::regclass and o.refobjid = a.attrelid and o.refobjsubid = a.attnum and o.deptype = 'a') as owned
        from pg_attrdef e
        join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = e.oid and d.refclassid = 'pg_class'::regclass
        join pg_class c on c.oid = d.refobjid and c.relkind = 'S'
       where e.adrelid = a.attrelid and e.adnum = a.attnum and pg_get_expr(e.adbin, e.adrelid) ~ '^nextval\('
       limit 1) s on true
   where cardinality(k.columns) = 1 and (a.attidentity = 'd' or s.sequence is not null)
   group by a.attrelid, a.attname, a.attidentity, k.relation, s.sequence, s.owned, k.mend
$function$;

select tenancy.define_rule('sequence_update_granted', 'medium', 'a sequence that an attacker may set');
create function tenancy.rule_sequence_update_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('sequence %s', c.oid::regclass),
         format('%s may set it back with setval(): the next keys of all tenants are taken already and their inserts fail, or go where the attacker wants them',
                string_agg(distinct g.grantee_name, ', ')),
         format('revoke update on sequence %s from %s', c.oid::regclass, string_agg(distinct g.grantee_name, ', '))
    from tenancy.exposed_grants() g
    join pg_class c on c.oid = g.relation
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'S' and c.relpersistence <> 't' and g.privilege = 'UPDATE' and g.attnum = 0
     and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
   group by c.oid
$function$;
-- Rules: columns that decide who somebody is, and code that hangs on a protected table.

-- ---------------------------------------------------------------- columns that decide
-- Tables and views that the directory reads, through views of views. Functions in them are not followed.
create function tenancy.directory_relations() returns table (relation oid, attnum int2)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive read (relation, attnum) as (
    select v.oid, 0::int2
      from tenancy.directory d join pg_class v on v.oid in (d.accounts, d.memberships)
    union
    select d.refobjid, d.refobjsubid::int2
      from read
      join pg_rewrite r on r.ev_class = read.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
  )
  select read.relation, read.attnum from read join pg_class c on c.oid = read.relation and c.relkind in ('r', 'p', 'v', 'm', 'f')
$function$;
comment on function tenancy.directory_relations() is 'internal: relations behind the directory, and the columns of them that it reads (0: the relation as a whole)';
revoke execute on function tenancy.directory_relations() from public;

select tenancy.define_rule('tenant_registry_writable', 'critical', 'tenants may write who they are');
create function tenancy.rule_tenant_registry_writable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with protection as materialized (
    select p.* from tenancy.protection p
  ), directory as materialized (
    select d.relation, array_agg(d.attnum) as columns from tenancy.directory_relations() d group by d.relation
  ), deciding as (
    select d.relation, d.columns, true as is_directory from directory d
    union all
    -- The table of the tenants: others refer to it. One with a row of settings for each tenant has the same key, but refers itself.
    select p.relation, null, false
      from protection p
     where p.registry and p.relation not in (select d.relation from directory d)
       and exists (select from pg_constraint k where k.contype = 'f' and k.confrelid = p.relation and p.tenant_attnum = any (k.confkey))
       and not exists (select from pg_constraint k where k.contype = 'f' and k.conrelid = p.relation and k.conkey = array[p.tenant_attnum])
  )
  select d.relation::regclass::text,
         format('%s may write %s', string_agg(distinct g.grantee_name, ', '),
                case when d.is_directory then 'what the directory reads: a user becomes an administrator, a member of another tenant, or somebody else'
                     else 'the table of tenants: what the application believes of a tenant is what the tenant says' end),
         format('revoke insert, update, delete, truncate on %s from %s', d.relation::regclass, string_agg(distinct g.grantee_name, ', '))
    from deciding d
    join tenancy.exposed_grants() g on g.relation = d.relation
    left join protection p on p.relation = d.relation
   where g.privilege in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
     -- Through a bypass is how administrators write; without protection nobody asks for one.
     and (not g.is_admin or p.relation is null)
     and (g.attnum = 0 or not d.is_directory or g.attnum = any (d.columns))
   group by d.relation, d.is_directory
$function$;

-- With a restrictive policy that checks the new row, the right is harmless: protect() grants it. Only roles which no such
-- policy holds are told of; then one more permissive policy moves rows to other tenants.
select tenancy.define_rule('update_of_tenant_column_granted', 'medium', 'a role without a wall may change rows'' tenant');
create function tenancy.rule_update_of_tenant_column_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('column %I of %s', p.tenant_column, p.relation),
         format('%s may change the tenant of rows, and no restrictive policy holds there: one more permissive policy, and rows go to other tenants or are taken from them',
                string_agg(distinct g.grantee_name, ', ')),
         format('revoke update on %s from %s', p.relation, string_agg(distinct g.grantee_name, ', '))
         || coalesce((select format('; grant update (%s) on %s to %s', string_agg(quote_ident(a.attname), ', ' order by a.attnum), p.relation,
                                    string_agg(distinct g.grantee_name, ', '))
                        from pg_attribute a
                       where a.attrelid = p.relation and a.attnum > 0 and not a.attisdropped and a.attnum <> p.tenant_attnum and a.attgenerated = ''), '')
    from tenancy.tenant_relations() p
    join tenancy.exposed_grants() g on g.relation = p.relation
   where g.privilege = 'UPDATE' and g.attnum in (0, p.tenant_attnum) and not g.is_admin
     and not exists (select from pg_policy w
                      where w.polrelid = p.relation and not w.polpermissive and w.polcmd in ('*', 'w')
                        and (g.grantee = any (w.polroles) or 0 = any (w.polroles))
                        and coalesce(w.polwithcheck, w.polqual)::text ~ format(':varattno %s ', p.tenant_attnum))
   group by p.relation, p.tenant_column, p.tenant_attnum
$function$;

-- ---------------------------------------------------------------- code that hangs on a table
-- User functions that a statement on a protected table runs without naming them, where somebody else than the table's owner
-- decides what they do. One that the owner has, that runs as the caller, with names that are pinned (or resolved when
-- it was made), is as good as the table's own expression.
create function tenancy.loose_functions(kinds text[]) returns table (kind text, object text, function regprocedure, gain text, mend text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive protection as materialized (
    select p.relation, p.relowner, p.is_child from tenancy.protection p
  ), domain_of (relation, relowner, type) as (
    select p.relation, p.relowner, a.atttypid
      from protection p join pg_attribute a on a.attrelid = p.relation and a.attnum > 0 and not a.attisdropped
      join pg_type t on t.oid = a.atttypid and t.typtype = 'd'
    union
    select d.relation, d.relowner, t.typbasetype
      from domain_of d join pg_type t on t.oid = d.type
      join pg_type b on b.oid = t.typbasetype and b.typtype = 'd'
  ), part as (
    select 'expression' as kind, p.relowner, 'column %1$I of %2$s' as spoken, a.attname as name, p.relation as named, null::regtype as type,
           'pg_attrdef'::regclass::oid as classid, d.oid as objid
      from protection p
      join pg_attrdef d on d.adrelid = p.relation
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where not p.is_child
    union all
    select 'expression', p.relowner, 'index %2$s', null, i.indexrelid::regclass, null, 'pg_class'::regclass, i.indexrelid
      from protection p join pg_index i on i.indrelid = p.relation
     where (i.indexprs is not null or i.indpred is not null) and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
    union all
    select 'expression', d.relowner, 'domain %2$s', null, null, d.type::regtype, 'pg_type'::regclass, d.type
      from domain_of d
    union all
    select 'constraint', p.relowner, 'constraint %1$I on %2$s', k.conname, p.relation, null, 'pg_constraint'::regclass, k.oid
      from protection p join pg_constraint k on k.conrelid = p.relation
     where k.contype in ('c', 'x') and k.coninhcount = 0
    union all
    select 'constraint', d.relowner, 'constraint %1$I of domain %2$s', k.conname, null, d.type::regtype, 'pg_constraint'::regclass, k.oid
      from domain_of d join pg_constraint k on k.contypid = d.type
  ), called as (
    select part.kind, part.relowner, part.spoken, part.name, part.named, part.type, coalesce(o.oprcode::oid, d.refobjid) as function
      from part
      join pg_depend d on d.classid = part.classid and d.objid = part.objid and d.deptype <> 'i'
       and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
      left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
     where part.kind = any (kinds)
    union
    select 'trigger', p.relowner, 'trigger %1$I on %2$s', t.tgname, p.relation, null, t.tgfoid
      from protection p join pg_trigger t on t.tgrelid = p.relation
     where 'trigger' = any (kinds) and not t.tgisinternal and t.tgparentid = 0
    union
    -- A trigger's WHEN may call something too.
    select 'trigger', p.relowner, 'trigger %1$I on %2$s', t.tgname, p.relation, null, coalesce(o.oprcode::oid, d.refobjid)
      from protection p join pg_trigger t on t.tgrelid = p.relation and t.tgqual is not null
      join pg_depend d on d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
      left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
     where 'trigger' = any (kinds) and not t.tgisinternal and t.tgparentid = 0
  ), judged as (
    select c.kind, format(c.spoken, c.name, coalesce(c.type::text, c.named::text)) as object, f.oid, f.proowner, c.relowner, f.prosecdef, n.nspname,
           not exists (select from unnest(f.proconfig) s where s ~ '^search_path=')
             and l.lanname not in ('internal', 'c')
             -- Of PostgreSQL 14 and later: a body in SQL's own syntax, whose names were resolved when it was made.
             and (to_jsonb(f) ->> 'prosqlbody') is null as unpinned,
           not pg_has_role(f.proowner, c.relowner, 'member') as foreign_owner
      from called c
      join pg_proc f on f.oid = c.function
      join pg_namespace n on n.oid = f.pronamespace and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      join pg_language l on l.oid = f.prolang
     where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = f.oid and e.deptype = 'e')
  )
  select j.kind, format('%s: function %s', j.object, j.oid::regprocedure), j.oid::regprocedure,
         concat_ws('; ',
           case when j.prosecdef then format('it runs with the rights of %I for whoever writes a row: a mistake in it reads and writes what the tenant may not', pg_get_userbyid(j.proowner)) end,
           case when j.unpinned then 'its names are looked up in the search_path of whoever writes, reindexes or analyzes: an object of the same name in an earlier schema runs an attacker''s code as the next tenant or as the owner' end,
           case when j.foreign_owner then format('%I, who owns it and not the table, may replace it with code that runs as every tenant and takes rows along', pg_get_userbyid(j.proowner)) end),
         case
           -- Handing a function over, or changing what others call, because a table's owner hung it on his table, would be a
           -- way to take it. No name here: a name may hold a line's end, which ends a comment.
           when j.foreign_owner then '-- use a function of the table''s owner in its place, or let the two owners agree on ALTER FUNCTION … OWNER TO'
           else format('alter function %s', j.oid::regprocedure)
                || case when j.prosecdef then ' security invoker' else '' end
                -- Its own schema stays in the path, where it finds what it found until today.
                || case when j.unpinned then format(' set search_path = pg_catalog, %I, pg_temp', j.nspname) else '' end
         end
    from judged j
   where j.prosecdef or j.unpinned or j.foreign_owner
$function$;
comment on function tenancy.loose_functions(text[]) is 'internal: user functions that defaults, indexes (expression), checks (constraint) and triggers (trigger) of protected tables call, and that somebody else than the table''s owner has a hand in';
revoke execute on function tenancy.loose_functions(text[]) from public;

select tenancy.define_rule('stored_expression_calls_user_function', 'medium', 'a default or index that runs somebody''s code');
create function tenancy.rule_stored_expression_calls_user_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select distinct on (l.object) l.object, l.gain, l.mend from tenancy.loose_functions(array['expression']) l
$function$;

select tenancy.define_rule('constraint_calls_user_function', 'medium', 'a check that runs somebody''s code');
create function tenancy.rule_constraint_calls_user_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select distinct on (l.object) l.object, l.gain, l.mend from tenancy.loose_functions(array['constraint']) l
$function$;

select tenancy.define_rule('trigger_function_definer_or_unpinned', 'medium', 'a trigger that runs with somebody''s rights or names');
create function tenancy.rule_trigger_function_definer_or_unpinned() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select distinct on (l.object) l.object, l.gain, l.mend from tenancy.loose_functions(array['trigger']) l
$function$;

select tenancy.define_rule('extended_statistics_on_protected_table', 'low', 'statistics over columns of all tenants');
create function tenancy.rule_extended_statistics_on_protected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('statistics %s', format('%I.%I', n.nspname, s.stxname)),
         format('they are gathered over the rows of all tenants in %s: estimates in EXPLAIN tell which values others have, and old minors show them outright', p.relation),
         format('drop statistics %I.%I', n.nspname, s.stxname)
    from pg_statistic_ext s
    join tenancy.tenant_relations() p on p.relation = s.stxrelid
    join pg_namespace n on n.oid = s.stxnamespace
$function$;
-- Rules: what shows rows of protected tables, or secrets, beside the tables themselves? Views, copies, foreign data, rewrite
-- rules, publications. First the views that say what an attacker gets at; an owner's own rights are not asked here, as
-- rules of their own say who reaches an owner.

create view tenancy.attacking_grantee as
  select r.role as oid
    from tenancy.reachable_role r join pg_catalog.pg_roles p on p.oid = r.role
   where not p.rolsuper
  union
  select 0::pg_catalog.oid;
comment on view tenancy.attacking_grantee is 'internal: whose grants an attacker can use: the roles that exposed roles are or can become, and PUBLIC (0)';
revoke all on tenancy.attacking_grantee from public;

create view tenancy.usable_schema as
  select n.oid
    from pg_catalog.pg_namespace n
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and exists (select from pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) g
                  where g.privilege_type = 'USAGE' and g.grantee in (select a.oid from tenancy.attacking_grantee a));
comment on view tenancy.usable_schema is 'internal: schemas whose objects an attacker can name';
revoke all on tenancy.usable_schema from public;

-- Rights on rows, column by column where they were granted so (attnum 0: the whole relation).
create view tenancy.attacking_grant as
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  ), granted as (
    select c.oid as relation, 0::pg_catalog.int2 as attnum, g.grantee, g.privilege_type
      from pg_catalog.pg_class c cross join pg_catalog.aclexplode(c.relacl) g
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select t.attrelid, t.attnum, g.grantee, g.privilege_type
      from pg_catalog.pg_attribute t cross join pg_catalog.aclexplode(t.attacl) g
     where t.attacl is not null and not t.attisdropped
  )
  select granted.relation, granted.attnum, granted.grantee, granted.privilege_type as privilege,
         case granted.grantee when 0 then 'public' else granted.grantee::pg_catalog.regrole::pg_catalog.text end as grantee_name
    from granted
    join pg_catalog.pg_class c on c.oid = granted.relation
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where granted.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
     and granted.grantee in (select a.oid from attacker a) and granted.grantee <> c.relowner
     and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid and e.deptype = 'e');
comment on view tenancy.attacking_grant is 'internal: rights to read or write rows that an attacker can use, with whom they were granted to';
revoke all on tenancy.attacking_grant from public;

-- Which relations the definition of a view or materialized view names, and with whose rights they are then read.
create view tenancy.view_relation as
  select distinct v.oid as view, v.relkind, v.relowner as view_owner, d.refobjid as relation,
         not coalesce(o.invoker, false) as as_owner,
         -- A view that its maker asked to keep tenants apart: it filters by the context, behind a barrier.
         coalesce(o.barrier, false) and exists (
           select from pg_catalog.pg_depend u
             join pg_catalog.pg_proc p on p.oid = u.refobjid and p.pronamespace = 'tenancy'::pg_catalog.regnamespace
            where u.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and u.objid = w.oid
              and u.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
              and p.proname in ('tenant_id', 'tenant_bigint', 'tenant_uuid', 'user_id', 'user_bigint', 'user_uuid', 'bypassing')
         ) as filtered
    from pg_catalog.pg_class v
    join pg_catalog.pg_rewrite w on w.ev_class = v.oid and w.ev_type = '1'
    join pg_catalog.pg_depend d
      on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid
     and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> v.oid
    cross join lateral (
      select pg_catalog.bool_or(s.option_value::pg_catalog.bool) filter (where s.option_name = 'security_invoker') as invoker,
             pg_catalog.bool_or(s.option_value::pg_catalog.bool) filter (where s.option_name = 'security_barrier') as barrier
        from pg_catalog.pg_options_to_table(v.reloptions) s
       where s.option_name in ('security_invoker', 'security_barrier')) o
   where v.relkind in ('v', 'm');
comment on view tenancy.view_relation is 'internal: relations that a view''s definition names, whether they are read as the view''s owner, and whether the view filters by the context';
revoke all on tenancy.view_relation from public;

-- What an attacker reads or writes, and through which relation (entry) that was granted. A view without security_invoker
-- opens what its owner may read; below one with it the attacker's own rights are asked, at whatever depth.
create view tenancy.reached_relation as
  with recursive granted as materialized (
    select distinct g.relation from tenancy.attacking_grant g
  ), link as materialized (
    select l.view, l.relation, l.as_owner, l.filtered from tenancy.view_relation l where l.relkind = 'v'
  ), reached (entry, relation, filtered) as (
    select g.relation, g.relation, false
      from granted g
      join pg_catalog.pg_class c on c.oid = g.relation
     where c.relnamespace in (select s.oid from tenancy.usable_schema s)
    union
    select reached.entry, link.relation, reached.filtered or link.filtered
      from reached join link on link.view = reached.relation
     where link.as_owner or link.relation in (select g.relation from granted g)
  )
  select reached.entry, reached.relation, reached.filtered from reached;
comment on view tenancy.reached_relation is 'internal: relations whose rows an attacker gets at, the granted relation that leads there, and whether a view filters them by the context on the way';
revoke all on tenancy.reached_relation from public;

-- Roles that see more of a protected table than the current tenant's rows, beside superusers and BYPASSRLS.
create view tenancy.exempt_role as
  select p.relation, p.relowner as role
    from tenancy.protection p join pg_catalog.pg_class c on c.oid = p.relation
   where p.kind = 'tenant' and not (c.relrowsecurity and c.relforcerowsecurity)
  union
  select p.relation, r.role
    from tenancy.protection p
    join pg_catalog.pg_policy o on o.polrelid = p.relation
    cross join pg_catalog.unnest(o.polroles) r (role)
   where p.kind = 'tenant' and o.polpermissive and o.polcmd in ('r', '*') and r.role <> 0 and o.polname !~ '^tenancy_'
     and pg_catalog.pg_get_expr(o.polqual, o.polrelid) !~ 'tenancy\.(tenant|user)_(id|bigint|uuid)\(\)';
comment on view tenancy.exempt_role is 'internal: roles whose members see other tenants'' rows of a protected table: its owner where row security is not forced, and those named by a policy that somebody added';
revoke all on tenancy.exempt_role from public;

-- ---------------------------------------------------------------- views
select tenancy.define_rule('view_without_security_invoker', 'critical', 'a view that reads a protected table with its owner''s rights');
create function tenancy.rule_view_without_security_invoker() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with hole as (
    select l.view, l.view_owner, min(l.relation::regclass::text) as relation,
           case when bool_or(e.entry = l.view) then null else min(e.entry::regclass::text) end as entry,
           bool_or(not l.filtered
                   and (o.rolsuper or o.rolbypassrls
                        or exists (select from tenancy.exempt_role x
                                    where x.relation = l.relation and pg_has_role(l.view_owner, x.role, 'usage')))) as exempt
      from tenancy.view_relation l
      join tenancy.protection p on p.relation = l.relation and p.kind = 'tenant'
      join tenancy.reached_relation e on e.relation = l.view
      join pg_roles o on o.oid = l.view_owner
     where l.relkind = 'v' and l.as_owner
     group by l.view, l.view_owner
  )
  select view::regclass::text,
         case when exempt
           then format('every tenant sees the rows of all tenants of %s%s: they are read as %s, whom its policies do not hold',
                       relation, ' through ' || entry, view_owner::regrole)
           else format('rows of %s are read and written%s with the rights of %s: the wall of role tenancy_user does not hold there, nor do rights that tenants lack, and any policy that lets %s see more opens it to all tenants',
                       relation, ' through ' || entry, view_owner::regrole, view_owner::regrole)
         end,
         format('alter view %s set (security_invoker = true)', view::regclass)
    from hole
$function$;

-- A view that is itself the fence: it filters by the context and runs with its owner's rights.
select tenancy.define_rule('writable_view_without_check_option_or_barrier', 'high', 'a view that filters by the context and can be gone around');
create function tenancy.rule_writable_view_without_check_option_or_barrier() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with entry as materialized (
    select distinct e.entry from tenancy.reached_relation e
  ), written as materialized (
    select g.relation from tenancy.attacking_grant g where g.privilege in ('INSERT', 'UPDATE')
  ), fence as materialized (
    select v.oid, coalesce(o.barrier, false) as barrier, coalesce(o.checked, false) as checked
      from pg_class v
      cross join lateral (
        select bool_or(s.option_value::bool) filter (where s.option_name = 'security_invoker') as invoker,
               bool_or(s.option_value::bool) filter (where s.option_name = 'security_barrier') as barrier,
               bool_or(true) filter (where s.option_name = 'check_option') as checked
          from pg_options_to_table(v.reloptions) s
         where s.option_name in ('security_invoker', 'security_barrier', 'check_option')) o
     where v.relkind = 'v' and v.oid >= 16384 and not coalesce(o.invoker, false) and not (coalesce(o.barrier, false) and coalesce(o.checked, false))
  ), candidate as (
    select f.oid, f.barrier,
           f.checked
             or f.oid not in (select w.relation from written w)
             or pg_relation_is_updatable(f.oid, false) & 12 = 0 as checked
      from fence f
     where f.oid in (select e.entry from entry e)
  )
  select v.oid::regclass::text,
         concat_ws('; ',
           case when not v.barrier then 'without security_barrier a function in an attacker''s WHERE is called with the rows of other tenants before the view hides them' end,
           case when not v.checked then 'without a check option a tenant writes rows into other tenants through it' end),
         format('alter view %s set (%s)', v.oid::regclass,
                concat_ws(', ', case when not v.barrier then 'security_barrier = true' end,
                                case when not v.checked then 'check_option = cascaded' end))
    from candidate v
   where not (v.barrier and v.checked)
     and pg_get_viewdef(v.oid) ~* 'WHERE.*(tenancy\.(tenant|user)_(id|bigint|uuid)\(\)|current_setting\(|CURRENT_USER|SESSION_USER)'
$function$;

-- ---------------------------------------------------------------- copies and foreign data
select tenancy.define_rule('matview_readable', 'critical', 'a materialized view of a protected table that tenants read');
create function tenancy.rule_matview_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive below (matview, relation) as (
    select l.view, l.relation from tenancy.view_relation l where l.relkind = 'm'
    union
    select below.matview, l.relation from below join tenancy.view_relation l on l.view = below.relation
  ), hole as (
    select b.matview, min(b.relation::regclass::text) as relation
      from below b join tenancy.protection p on p.relation = b.relation and p.kind = 'tenant'
     group by b.matview
  )
  select h.matview::regclass::text,
         format('row security does not exist on it: the rows of all tenants of %s that its last refresh stored are read through %s',
                h.relation, string_agg(distinct e.entry::regclass::text, ', ')),
         string_agg(distinct r.statement, '; ')
    from hole h
    join tenancy.reached_relation e on e.relation = h.matview and not e.filtered
    cross join lateral (
      select format('revoke all on %s from %s', e.entry::regclass, string_agg(distinct g.grantee_name, ', ')) as statement
        from tenancy.attacking_grant g where g.relation = e.entry) r
   group by h.matview, h.relation
$function$;

select tenancy.define_rule('foreign_table_readable', 'high', 'a foreign table that tenants read or write');
create function tenancy.rule_foreign_table_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.ftrelid::regclass::text,
         format('row security does not exist on it: whatever server %I shows to its user mapping is read or written through %s',
                s.srvname, string_agg(distinct e.entry::regclass::text, ', ')),
         string_agg(distinct r.statement, '; ')
    from pg_foreign_table f
    join pg_foreign_server s on s.oid = f.ftserver
    join tenancy.reached_relation e on e.relation = f.ftrelid and not e.filtered
    cross join lateral (
      select format('revoke all on %s from %s', e.entry::regclass, string_agg(distinct g.grantee_name, ', ')) as statement
        from tenancy.attacking_grant g where g.relation = e.entry) r
   group by f.ftrelid, s.srvname
$function$;

select tenancy.define_rule('user_mapping_or_server_usable', 'high', 'foreign servers that tenants can use');
create function tenancy.rule_user_mapping_or_server_usable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid, case a.oid when 0 then 'public' else a.oid::regrole::text end as name from tenancy.attacking_grantee a
  )
  select format('user mapping for %s on server %I', a.name, s.srvname),
         format('statements of %s log in to server %I with the stored account, and the owner of the mapping reads its password',
                a.name, s.srvname),
         format('drop user mapping for %s server %I', a.name, s.srvname)
    from pg_user_mapping m
    join pg_foreign_server s on s.oid = m.umserver
    join attacker a on a.oid = m.umuser
  union all
  select format('server %I', s.srvname),
         format('%s can make a user mapping on it and reach another database, where no tenant context holds', string_agg(a.name, ', ')),
         format('revoke usage on foreign server %I from %s', s.srvname, string_agg(a.name, ', '))
    from pg_foreign_server s cross join aclexplode(s.srvacl) g join attacker a on a.oid = g.grantee
   where g.privilege_type = 'USAGE' and g.grantee <> s.srvowner
   group by s.srvname
  union all
  select format('foreign-data wrapper %I', w.fdwname),
         format('%s can make servers of their own with it and reach any host that the database reaches', string_agg(a.name, ', ')),
         format('revoke usage on foreign data wrapper %I from %s', w.fdwname, string_agg(a.name, ', '))
    from pg_foreign_data_wrapper w cross join aclexplode(w.fdwacl) g join attacker a on a.oid = g.grantee
   where g.privilege_type = 'USAGE' and g.grantee <> w.fdwowner
   group by w.fdwname
$function$;

-- ---------------------------------------------------------------- rules and publications
-- The actions of a rule run with the rights of the relation's owner, on a view with security_invoker too.
select tenancy.define_rule('rule_touches_protected_table', 'high', 'a rewrite rule on a protected table, or one that reads or writes it');
create function tenancy.rule_rule_touches_protected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with touched as (
    select w.oid, min(p.relation::text) as relation
      from pg_rewrite w
      join pg_depend d
        on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      join tenancy.protection p on p.relation = d.refobjid and p.kind = 'tenant'
     -- DO INSTEAD NOTHING touches nothing.
     where w.ev_type <> '1' and pg_get_ruledef(w.oid) !~ ' DO INSTEAD NOTHING;$'
     group by w.oid
  )
  select format('rule %I on %s', w.rulename, c.oid::regclass),
         format('whoever writes %s reads or writes %s with the rights of %s: rows of other tenants are copied, and what RETURNING shows is not a tenant''s own',
                c.oid::regclass, t.relation, c.relowner::regrole),
         format('drop rule %I on %s', w.rulename, c.oid::regclass)
    from touched t
    join pg_rewrite w on w.oid = t.oid
    join pg_class c on c.oid = w.ev_class
$function$;

select tenancy.define_rule('protected_table_published', 'high', 'a protected table in a publication');
create function tenancy.rule_protected_table_published() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with protected as materialized (
    select p.relation, c.relnamespace
      from tenancy.protection p join pg_class c on c.oid = p.relation where p.kind = 'tenant'
  )
  select format('table %s in publication %I', t.relation, p.pubname),
         format('a subscriber, or any login with REPLICATION, receives the rows of all tenants of %s', t.relation),
         format('alter publication %I drop table %s', p.pubname, t.relation)
    from protected t
    join pg_publication_rel r on r.prrelid = t.relation
    join pg_publication p on p.oid = r.prpubid
  union all
  -- By its dependencies: the catalog of published schemas is not there before PostgreSQL 15.
  select format('schema %I in publication %I', n.nspname, p.pubname),
         format('a subscriber, or any login with REPLICATION, receives the rows of all tenants of all tables in schema %I', n.nspname),
         format('alter publication %I drop tables in schema %I', p.pubname, n.nspname)
    from pg_depend s
    join pg_depend d on d.classid = s.classid and d.objid = s.objid and d.refclassid = 'pg_publication'::regclass
    join pg_publication p on p.oid = d.refobjid
    join pg_namespace n on n.oid = s.refobjid
   where s.classid = to_regclass('pg_catalog.pg_publication_namespace') and s.refclassid = 'pg_namespace'::regclass
     and n.oid in (select t.relnamespace from protected t)
  union all
  select format('publication %I', p.pubname),
         'a subscriber, or any login with REPLICATION, receives the rows of all tenants of all tables',
         format('drop publication %I', p.pubname)
    from pg_publication p
   where p.puballtables and exists (select from protected)
$function$;

-- ---------------------------------------------------------------- tables that nobody has thought about
-- Tables that attackers reach and that have neither a policy of ours nor the tenant column; belongs: they refer to a protected table.
create function tenancy.unclassified_tables() returns table (relation regclass, belongs boolean, told text, mend text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with unclassified as (
    select c.oid, c.relnamespace
      from pg_class c
     where c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.oid >= 16384
       and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname in ('tenancy_tenant', 'tenancy_reference'))
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       -- Tables with the tenant column are for other rules: they want protection, not a class.
       and not exists (select from pg_attribute a
                        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                          and (a.attname = 'tenant_id'
                               or a.attname in (select p.tenant_column from tenancy.protection p
                                                 where p.kind = 'tenant' and not p.registry)))
  )
  select u.oid::regclass,
         exists (select from pg_constraint k join tenancy.protection p on p.relation = k.confrelid
                  where k.conrelid = u.oid and k.contype = 'f' and p.kind = 'tenant'),
         string_agg(r.told, '; '), string_agg(r.mend, '; ')
    from unclassified u
    join tenancy.reached_relation e on e.relation = u.oid and not e.filtered
    cross join lateral (
      select format('%s may %s%s', string_agg(distinct g.grantee_name, ', '),
                    string_agg(distinct lower(g.privilege), ', '),
                    case when e.entry <> u.oid then format(' through %s', e.entry::regclass) end) as told,
             format('revoke all on %s from %s', e.entry::regclass, string_agg(distinct g.grantee_name, ', ')) as mend
        from tenancy.attacking_grant g where g.relation = e.entry) r
   group by u.oid
$function$;
comment on function tenancy.unclassified_tables() is 'internal: tables in an attacker''s reach that are neither protected nor reference tables, with the revokes that close them';
revoke execute on function tenancy.unclassified_tables() from public;

select tenancy.define_rule('child_of_protected_table_readable', 'critical', 'a table that refers to a protected table, and that tenants reach without protection');
create function tenancy.rule_child_of_protected_table_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select u.relation::text,
         format('its rows belong to rows of tenants, and all tenants share them: %s', u.told),
         -- No name in a comment: one with a line break in it would end the comment, and the rest be run.
         E'-- Or give it the tenant column, filled from the table that it refers to, and call tenancy.protect().\n' || u.mend
    from tenancy.unclassified_tables() u where u.belongs
$function$;

select tenancy.define_rule('unclassified_table_readable', 'medium', 'a table that tenants reach and that is neither protected nor a reference table');
create function tenancy.rule_unclassified_table_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select u.relation::text,
         format('all tenants share its rows: %s', u.told),
         E'-- Or, where all tenants may read every row of it: tenancy.protect(…, reference => true).\n' || u.mend
    from tenancy.unclassified_tables() u where not u.belongs
$function$;

-- Names such as password_hash, apiKey, refresh_token; not password_changed_at, token_count or content_hash.
create function tenancy.names_a_secret(column_name name, column_type oid) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select column_type = any (array['text', 'varchar', 'bpchar', 'bytea', 'json', 'jsonb', 'uuid']::regtype[]::oid[])
     and spelled ~ ('(^|_)(password|passwort|passwd|passphrase|pwd|pw|secret|token|credential|salt|otp|totp|(api|private|secret|access|signing|encryption)_?key)s?(_|$)'
                    '|^hash$|(^|_)(pass|pin|key)_?hash$|^pwhash$')
     and spelled !~ '_(at|on|id|count|type|kind|policy|name|length|prefix|date|expiry|expires|algorithm|version|status|hint)$'
    from lower(regexp_replace(column_name, '([a-z0-9])([A-Z])', '\1_\2', 'g')) as spelled
$function$;
comment on function tenancy.names_a_secret(name, oid) is 'internal: whether a column is named like a password, key or token';

select tenancy.define_rule('secret_column_readable', 'high', 'a column with secrets that tenants read');
create function tenancy.rule_secret_column_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive granted as materialized (
    select g.* from tenancy.attacking_grant g where g.privilege = 'SELECT'
  ), shown as materialized ( -- columns of views, with the column that each shows
    select w.ev_class as view, m[1]::int2 as attnum, m[2]::oid as relation, m[3]::int2 as source
      from pg_rewrite w
      join (select distinct l.view from tenancy.view_relation l where l.as_owner) v on v.view = w.ev_class
      cross join regexp_matches(w.ev_action::text,
        ':resno (\d+) :resname (?:[^\\ ]|\\.)+ :ressortgroupref \d+ :resorigtbl ([1-9]\d*) :resorigcol ([1-9]\d*)', 'g') m
     where w.ev_type = '1' and w.ev_class >= 16384
  ), secret (relation, attnum) as (
    select a.attrelid, a.attnum
      from pg_attribute a join pg_class c on c.oid = a.attrelid
     where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.oid >= 16384
       -- The name alone first: it rules out nearly all columns without a call.
       and a.attname::text ~* '(pass|pwd|pw|secret|token|credential|salt|otp|key|hash)'
       and tenancy.names_a_secret(a.attname, a.atttypid)
    union
    select s.view, s.attnum from secret join shown s on s.relation = secret.relation and s.source = secret.attnum
  ), hole as (
    select s.relation, s.attnum, g.grantee, g.grantee_name
      from secret s
      join pg_class c on c.oid = s.relation
      join granted g on g.relation = s.relation and g.attnum in (0, s.attnum)
     where s.relation in (select e.relation from tenancy.reached_relation e)
       -- Through a view with security_invoker the column below it is asked.
       and not (c.relkind = 'v' and not exists (select from tenancy.view_relation l where l.view = c.oid and l.as_owner))
  ), mended as ( -- one mend for all secrets of a relation
    select h.relation, string_agg(distinct h.grantee_name, ', ') as grantees,
           array_agg(h.attnum) as secrets, array_agg(h.grantee) as readers
      from hole h group by h.relation
  )
  select format('column %I of %s', a.attname, m.relation::regclass),
         format('%s reads it: within a tenant everybody learns the secrets of everybody, and hashes are guessed at leisure', m.grantees),
         format('revoke select on %s from %s', m.relation::regclass, m.grantees)
         || coalesce('; ' || (
              select format('grant select (%s) on %s to %s', string_agg(quote_ident(o.attname), ', ' order by o.attnum),
                            m.relation::regclass, m.grantees)
                from pg_attribute o
               where o.attrelid = m.relation and o.attnum > 0 and not o.attisdropped and o.attnum <> all (m.secrets)
                 -- Nothing more than each of them can read now.
                 and not exists (select from unnest(m.readers) r
                                  where not has_column_privilege(r, m.relation, o.attnum, 'select'))
              having count(*) > 0), '')
    from mended m
    join pg_attribute a on a.attrelid = m.relation and a.attnum = any (m.secrets)
$function$;

-- ---------------------------------------------------------------- what the server itself shows
-- CVE-2024-4317 is mended by a script in databases that were there before; the new views ask who owns the table.
select tenancy.define_rule('pg_stats_ext_unfixed', 'high', 'statistics views that show values of other owners'' tables');
create function tenancy.rule_pg_stats_ext_unfixed() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select v.oid::regclass::text,
         format('%s reads the most common values of extended statistics, which come from the rows of all tenants (CVE-2024-4317)',
                string_agg(g.name, ', ')),
         format(E'-- Or run fix-CVE-2024-4317.sql from the server''s share directory.\nrevoke select on pg_catalog.%I from %s',
                v.relname, string_agg(g.name, ', '))
    from pg_class v
    cross join lateral (
      select case a.grantee when 0 then 'public' else a.grantee::regrole::text end as name
        from aclexplode(v.relacl) a
       where a.privilege_type = 'SELECT' and a.grantee in (select t.oid from tenancy.attacking_grantee t)) g
   where v.relnamespace = 'pg_catalog'::regnamespace and v.relname in ('pg_stats_ext', 'pg_stats_ext_exprs')
     and pg_get_viewdef(v.oid) !~ 'pg_has_role'
   group by v.oid, v.relname
$function$;

-- Large objects know no row security. Those that no attacker may read are nobody's hole.
select tenancy.define_rule('large_objects_exist', 'medium', 'large objects that tenants share');
create function tenancy.rule_large_objects_exist() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  ), hole as (
    select count(*) as objects
      from pg_largeobject_metadata m
     where m.lomowner in (select a.oid from attacker a)
        or exists (select from aclexplode(m.lomacl) g where g.grantee in (select a.oid from attacker a))
  ), compatible as (
    select s.setting::bool as everybody from pg_settings s where s.name = 'lo_compat_privileges'
  )
  select 'large objects',
         format('row security does not exist on them: every tenant reads or changes %s of them by their numbers', h.objects),
         -- The numbers are no secret, so owner and rights have to go.
         format('do %L', format(
           'declare o pg_catalog.oid; begin for o in select m.oid from pg_catalog.pg_largeobject_metadata m loop '
           'execute pg_catalog.format(''alter large object %%s owner to %%s'', o, %L); '
           'execute pg_catalog.format(''revoke all on large object %%s from %%s'', o, %L); end loop; end',
           d.datdba::regrole,
           (select string_agg(case a.oid when 0 then 'public' else a.oid::regrole::text end, ', ')
              from attacker a where a.oid <> d.datdba)))
    from hole h cross join pg_database d
   where h.objects > 0 and d.datname = current_database()
  union all
  select 'setting lo_compat_privileges',
         'every tenant reads and changes all large objects: their rights are not asked',
         format(E'-- And where it was set to on.\nalter database %I set lo_compat_privileges = off', current_database())
    from compatible c
   where c.everybody and exists (select from pg_largeobject_metadata)
$function$;

-- Extensions whose functions reach other databases, hosts, files or pages: under no policy of this database.
select tenancy.define_rule('dangerous_extension', 'high', 'functions of an extension that go around row security');
create function tenancy.rule_dangerous_extension() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid, case a.oid when 0 then 'public' else a.oid::regrole::text end as name from tenancy.attacking_grantee a
  ), dangerous (name, gain) as (
    values
      ('dblink', 'opens connections to this and other databases, outside the context and the seal'),
      ('pg_background', 'runs statements in another process, outside the context and the seal'),
      ('pg_cron', 'runs statements later, outside the context and the seal'),
      ('http', 'sends rows to any host and reaches servers behind the firewall'),
      ('pg_net', 'sends rows to any host and reaches servers behind the firewall'),
      ('aws_s3', 'writes rows to places outside the database'),
      ('aws_lambda', 'sends rows to places outside the database'),
      ('adminpack', 'writes files of the server'),
      ('file_fdw', 'reads files of the server'),
      ('postgres_fdw', 'opens connections to other databases'),
      ('oracle_fdw', 'opens connections to other databases'),
      ('mysql_fdw', 'opens connections to other databases'),
      ('tds_fdw', 'opens connections to other databases'),
      ('pageinspect', 'reads pages, below every policy; only its own question for a superuser stands before it'),
      ('pg_walinspect', 'reads the write-ahead log, with the rows of all tenants'),
      ('pg_surgery', 'changes rows below every policy'),
      ('pg_visibility', 'tells and changes what is stored of all tenants'),
      ('pgrowlocks', 'tells which rows other tenants are changing'),
      ('pgstattuple', 'tells how many rows all tenants have'),
      ('pg_freespacemap', 'tells how the rows of all tenants are stored'),
      ('pg_buffercache', 'tells what other tenants are reading'),
      ('amcheck', 'reads the rows of all tenants')
  ), callable as (
    select e.extname, p.oid, a.name as grantee
      from pg_extension e
      join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
       and d.classid = 'pg_proc'::regclass
      join pg_proc p on p.oid = d.objid
      cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
      join attacker a on a.oid = g.grantee
     where e.extname::text in (select s.name from dangerous s)
       and p.pronamespace in (select s.oid from tenancy.usable_schema s)
       -- A handler or validator does nothing when it is called by hand, and the connections these tell of are the caller's own.
       and p.prorettype not in ('fdw_handler'::regtype, 'trigger'::regtype)
       and not exists (select from pg_foreign_data_wrapper w where w.fdwvalidator = p.oid)
       and p.proname not in ('postgres_fdw_get_connections', 'postgres_fdw_disconnect', 'postgres_fdw_disconnect_all')
  )
  select format('extension %I', c.extname),
         format('%s may call it: it %s', string_agg(distinct c.grantee, ', '), s.gain),
         format('revoke execute on function %s from %s',
                string_agg(distinct c.oid::regprocedure::text, ', '), string_agg(distinct c.grantee, ', '))
    from callable c join dangerous s on s.name = c.extname
   group by c.extname, s.gain
$function$;

revoke execute on function tenancy.names_a_secret(name, oid) from public;
-- Rules: what does code do that an attacker may call? PUBLIC may execute every function unless somebody revoked it, so a
-- function counts as callable where an attacker can also name it, or where an object calls it for him.

create view tenancy.callable_routine as
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  )
  select p.oid, p.proname, p.proowner, p.prolang, p.prosecdef, p.prosrc, p.proconfig, p.prosqlbody is not null as parsed,
         p.pronamespace,
         pg_catalog.string_agg(distinct case g.grantee when 0 then 'public' else g.grantee::pg_catalog.regrole::pg_catalog.text end, ', ') as grantees
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    cross join pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) g
   where p.oid >= 16384 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     -- A trigger function cannot be called; triggers have a rule of their own.
     and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
     and g.grantee in (select a.oid from attacker a) and g.grantee <> p.proowner
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e')
     and (n.oid in (select s.oid from tenancy.usable_schema s)
          or exists (select from pg_catalog.pg_depend d
                      where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid = p.oid
                        and d.classid in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass,
                                          'pg_catalog.pg_attrdef'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass,
                                          'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_cast'::pg_catalog.regclass,
                                          -- Aggregates and bodies of BEGIN ATOMIC; indexes and partition keys; WHEN of triggers.
                                          'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_class'::pg_catalog.regclass,
                                          'pg_catalog.pg_trigger'::pg_catalog.regclass)))
   group by p.oid;
comment on view tenancy.callable_routine is 'internal: functions and procedures that an attacker may execute and can name, or that other objects (views, policies, defaults, aggregates and the like) call for him';
revoke all on tenancy.callable_routine from public;

-- ---------------------------------------------------------------- SECURITY DEFINER
-- Pinned: every schema in it belongs to people whom no attacker can speak for, and pg_temp comes last. Left out, pg_temp is
-- searched first for tables and types, which matters while attackers may make temporary objects.
select tenancy.define_rule('definer_search_path_not_pinned', 'critical', 'a SECURITY DEFINER function whose names an attacker resolves');
create function tenancy.rule_definer_search_path_not_pinned() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  ), writable as materialized (
    select n.nspname::text as name
      from pg_namespace n cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
     where g.privilege_type = 'CREATE' and g.grantee in (select a.oid from attacker a)
  ), may as materialized (
    select coalesce(bool_or(g.privilege_type = 'TEMPORARY'), false) as make_temporary,
           coalesce(bool_or(g.privilege_type = 'CREATE'), false) as make_schema
      from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) g
     where d.datname = current_database() and g.grantee in (select a.oid from attacker a)
  ), definer as (
    select r.oid, r.proowner, r.grantees, n.nspname::text as home, s.path
      from tenancy.callable_routine r
      join pg_namespace n on n.oid = r.pronamespace
      join pg_language l on l.oid = r.prolang
      left join lateral (select substring(c from '^search_path=(.*)$') as path
                           from unnest(r.proconfig) c where c ~ '^search_path=') s on true
     -- A body in SQL's own syntax was resolved when it was made; internal functions look nothing up.
     where r.prosecdef and not r.parsed and l.lanname <> 'internal'
  ), step as (
    select d.oid, e.position, e.name, last_value(e.position) over (partition by d.oid order by e.position
                                                 rows between unbounded preceding and unbounded following) as positions
      from definer d
      cross join lateral (
        select m.position, coalesce(replace(m.part[1], '""', '"'), lower(m.part[2])) as name
          from regexp_matches(d.path, '"((?:[^"]|"")*)"|([^",[:space:]]+)', 'g') with ordinality as m (part, position)) e
     where e.name <> ''
  ), judged as (
    select d.*,
           (select string_agg(quote_ident(s.name), ', ') from step s
             where s.oid = d.oid and (s.name in (select w.name from writable w)
                                      or may.make_schema and not exists (select from pg_namespace n where n.nspname = s.name)
                                         and s.name <> 'pg_temp')) as hostile,
           may.make_temporary
             and not exists (select from step s where s.oid = d.oid and s.name = 'pg_temp' and s.position = s.positions) as temporary,
           -- The schemas it names today, less what is hostile; one that names none has been at home in its own.
           (select string_agg(quote_ident(s.name), ', ' order by s.position)
              from (select s.name, s.position from step s where s.oid = d.oid
                    union all
                    select d.home, 1 where d.path is null and d.home <> 'pg_catalog') s
             where s.name not in ('pg_catalog', 'pg_temp', '$user') and s.name not in (select w.name from writable w)
               and exists (select from pg_namespace n where n.nspname = s.name)) as kept
      from definer d cross join may
  )
  select format('function %s', oid::regprocedure),
         format('%s calls it and decides what its names mean, %s: own code runs with the rights of %s', grantees,
                case when path is null then 'by search_path or a temporary object'
                     when hostile is not null then format('by an object in %s', hostile)
                     else 'by a temporary table or type, which is found first' end,
                proowner::regrole),
         format('alter routine %s set search_path = %s', oid::regprocedure, concat_ws(', ', 'pg_catalog', kept, 'pg_temp'))
    from judged
   where path is null or hostile is not null or temporary
$function$;

select tenancy.define_rule('definer_owned_by_bypassing_role', 'critical', 'a SECURITY DEFINER function of an owner whom no policy holds');
create function tenancy.rule_definer_owned_by_bypassing_role() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('function %s', r.oid::regprocedure),
         format('%s calls it, and what it reads and writes is under no policy: its owner %s %s', r.grantees, r.proowner::regrole, why.told),
         case when plain.name is null
           then format('revoke execute on routine %s from %s', r.oid::regprocedure, r.grantees)
           else format('alter routine %s owner to %I', r.oid::regprocedure, plain.name) end
    from tenancy.callable_routine r
    join pg_roles o on o.oid = r.proowner
    cross join lateral (
      select case when o.rolsuper then 'is a superuser'
                  when o.rolbypassrls then 'has BYPASSRLS'
                  when exists (select from pg_roles p
                                where p.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
                                  and pg_has_role(o.oid, p.oid, 'usage'))
                  then 'reads or writes files of the server' end as told) why
    -- Somebody who is held by the policies: the owner of the schema, or of the database.
    left join lateral (
      select p.rolname as name
        from (select n.nspowner as oid, 1 as rank from pg_namespace n where n.oid = r.pronamespace
              union all
              select d.datdba, 2 from pg_database d where d.datname = current_database()) c
        join pg_roles p on p.oid = c.oid
       where not p.rolsuper and not p.rolbypassrls and p.rolname !~ '^pg_' and p.oid <> r.proowner
       order by c.rank limit 1) plain on true
   where r.prosecdef and why.told is not null
$function$;

-- Under FORCE the tables' owner is held to the tenant's rows, and so are his functions. What is left: an owner who is
-- exempt on some table, a view that reads it as somebody who is, and a materialized view, where no policy is.
select tenancy.define_rule('definer_reads_protected_table', 'critical', 'a SECURITY DEFINER function that reads all tenants'' rows');
create function tenancy.rule_definer_reads_protected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive below (matview, relation) as (
    select l.view, l.relation from tenancy.view_relation l where l.relkind = 'm'
    union
    select below.matview, l.relation from below join tenancy.view_relation l on l.view = below.relation
  ), open (relation, reader, mend) as (
    -- reader: whose members see all rows; NULL: everybody who may read it
    select x.relation::oid, x.role,
           case when x.role = c.relowner and not c.relforcerowsecurity
                then format('alter table %s force row level security', x.relation) end
      from tenancy.exempt_role x join pg_class c on c.oid = x.relation
    union
    select l.view, null::oid, format('alter view %s set (security_invoker = true)', l.view::regclass)
      from tenancy.view_relation l
      join tenancy.protection p on p.relation = l.relation and p.kind = 'tenant'
      join pg_roles o on o.oid = l.view_owner
     where l.relkind = 'v' and l.as_owner and not l.filtered
       and (o.rolsuper or o.rolbypassrls
            or exists (select from tenancy.exempt_role x
                        where x.relation = l.relation and pg_has_role(l.view_owner, x.role, 'usage')))
    union
    select b.matview, null, null
      from below b join tenancy.protection p on p.relation = b.relation and p.kind = 'tenant'
  ), hole as (
    select r.oid, r.proowner, r.grantees, x.relation, x.mend
      from tenancy.callable_routine r
      join pg_roles o on o.oid = r.proowner
      join pg_language l on l.oid = r.prolang
      cross join open x
      join pg_class c on c.oid = x.relation
     where r.prosecdef and not o.rolsuper and not o.rolbypassrls
       and case when x.reader is null then has_table_privilege(r.proowner, x.relation, 'select')
                else pg_has_role(r.proowner, x.reader, 'usage') end
       -- It names the relation, or nobody can tell.
       and case when r.parsed then exists (select from pg_depend d
                                            where d.classid = 'pg_proc'::regclass and d.objid = r.oid
                                              and d.refclassid = 'pg_class'::regclass and d.refobjid = x.relation)
                when l.lanname in ('sql', 'plpgsql')
                then strpos(lower(r.prosrc), lower(c.relname)) > 0
                     or l.lanname = 'plpgsql' and r.prosrc ~* '\mexecute\M'
                else true end
  )
  select format('function %s', oid::regprocedure),
         format('%s calls it and gets at the rows of all tenants of %s%s: no policy holds its owner %s there', grantees,
                min(relation::regclass::text),
                case when count(*) > 1 then format(' and %s more', count(*) - 1) else '' end, proowner::regrole),
         case when bool_or(mend is null) then format('revoke execute on routine %s from %s', oid::regprocedure, grantees)
              else string_agg(mend, '; ') end
    from hole
   group by oid, proowner, grantees
$function$;

-- ---------------------------------------------------------------- what the source says
create view tenancy.runnable_source as
  select r.oid, r.proowner, r.prolang, r.prosecdef, r.proconfig, r.grantees || ' may call it' as how,
         case when r.parsed then pg_catalog.pg_get_function_sqlbody(r.oid) else r.prosrc end as source
    from tenancy.callable_routine r
  union all
  select p.oid, p.proowner, p.prolang, p.prosecdef, p.proconfig,
         'a write to ' || pg_catalog.min(t.tgrelid::pg_catalog.regclass::pg_catalog.text) || ' runs it', p.prosrc
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
   where p.oid >= 16384 and not t.tgisinternal
     and t.tgrelid in (select g.relation from tenancy.attacking_grant g where g.privilege <> 'SELECT')
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e')
   group by p.oid;
comment on view tenancy.runnable_source is 'internal: source of the functions that an attacker may call or whose triggers he sets off';
revoke all on tenancy.runnable_source from public;

-- The source of a PL/pgSQL function, with comments gone and each literal cut down to '' or, where it is one for format(),
-- to its conversions: '%I%s'. Words inside of literals are then no words of the program any more.
create function tenancy.source_without_literals(source text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(
           case when t.token[1] ~ '^(--|/\*)' then ' '
                when t.token[1] ~ '^([eE]?''|\$\w*\$)'
                then '''' || coalesce((select string_agg('%' || coalesce(c[1], '') || c[2], '' order by n)
                                         from regexp_matches(replace(t.token[1], '%%', ''), '%(\d+\$)?[-0-9*]*([sIL])', 'g')
                                              with ordinality as m (c, n)), '') || ''''
                else t.token[1] end, '' order by t.position)
    from regexp_matches(source,
      '([eE]''(?:[^''\\]|''''|\\.)*''|''(?:[^'']|'''')*''|\$\w*\$(?:[^$]|\$(?!\w*\$))*\$\w*\$|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|\w+|[^\w''$/-]+|.)', 'g')
      with ordinality as t (token, position)
$function$;
comment on function tenancy.source_without_literals(text) is 'internal: PL/pgSQL source without comments and without the words inside of literals';

-- Whether a text that nobody quoted becomes part of a statement. It follows what EXECUTE is given back through the
-- assignments of variables. Quoting functions, %I and %L, casts to and variables of types whose values are no SQL, and
-- names that a trigger is given are safe; arguments, columns and results of other functions are not.
create function tenancy.concatenates_statement(routine oid) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  harmless constant text := '(?:pg_catalog\.)?(?:reg(?:class|type|proc|procedure|role|namespace|operator)|oid|int[248]?|integer|bigint|smallint'
                            '|(?:big|small)?serial|numeric|decimal|real|float[48]?|double\s+precision|bool|boolean|uuid|date|timestamp|timestamptz)';
  nested constant text := '\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)';
  longest_source constant int := 100000;
  longest_expression constant int := 4000; -- without the words of literals
  most_steps constant int := 200;
  code text;
  body text;
  arguments text[];
  safe text[];
  expressions text[];
  seen text[] := '{}';
  expression text;
  operand text;
  found_format text[];
  parts text[];
  operands text[];
  steps int := 0;
begin
  select p.prosrc into body from pg_proc p where p.oid = routine;
  -- Nobody can tell, of a source this long or one that leads through more steps: one made for it would keep the check
  -- busy for hours.
  if octet_length(body) > longest_source then
    return true;
  end if;
  code := tenancy.source_without_literals(body);
  -- Arguments by name and number, those whose type is harmless apart.
  select coalesce(array_agg(n.spelled) filter (where not a.is_safe), '{}'), coalesce(array_agg(n.spelled) filter (where a.is_safe), '{}')
    into arguments, safe
    from pg_proc p
    cross join lateral unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as t (type, position)
    cross join lateral (select format_type(t.type, null) ~ ('^' || harmless || '\M') as is_safe) a
    cross join lateral (values (lower(p.proargnames[t.position])), ('$' || t.position)) n (spelled)
   where p.oid = routine and n.spelled <> '';
  select safe || coalesce(array_agg(lower(coalesce(m[1], m[2]))), '{}') into safe
    from regexp_matches(code, '(?:\m(\w+)\s+(?:constant\s+)?' || harmless || '\M\s*(?:not\s+null\s*)?(?:;|:=|=|\mdefault\M))'
                              '|\mfor\s+(\w+)\s+in\s+(?:reverse\s+)?[^;.]+\.\.', 'gi') m;

  code := regexp_replace(code, '\m(?:pg_catalog\.)?quote_(?:ident|literal|nullable)\s*' || nested, '''''', 'gi');
  code := regexp_replace(code, '(?:[\w.$]+(?:\([^()]*\))?|\([^()]*\))(?:\[[^]]*\])?\s*::\s*' || harmless || '\M(?:\s*::\s*text\M)?', '''''', 'gi');
  code := regexp_replace(code, '\mtg_\w+\M(?:\[[^]]*\])?', '''''', 'gi');

  -- Up to the word that ends an expression: words of literals are gone.
  select coalesce(array_agg(distinct regexp_replace(m[1], '\m(using|into|loop)\M.*$', '', 'i')), '{}') into expressions
    from regexp_matches(code, '\mexecute\M([^;]*)', 'gi') m;

  while cardinality(expressions) > 0 loop
    expression := lower(expressions[1]);
    expressions := expressions[2:];
    steps := steps + 1;
    if steps > most_steps or length(expression) > longest_expression then
      return true;
    end if;
    -- format(), the innermost first: each %s needs something harmless.
    loop
      found_format := regexp_match(expression, '^.*(\m(?:pg_catalog\.)?format\s*\(((?:[^()]|' || nested || ')*)\))');
      exit when found_format is null;
      steps := steps + 1;
      if steps > most_steps then
        return true;
      end if;
      parts := array(select btrim(m[1], E' \t\r\n') from regexp_matches(found_format[2], '((?:[^(),]|' || nested || ')+)', 'g') m);
      if btrim(regexp_replace(parts[1], '''[^'']*''|\|\|', '', 'g'), E' \t\r\n') <> '' then
        return true;
      end if;
      expressions := expressions
        || array(select '''''||' || coalesce(parts[coalesce(rtrim(m[1], '$')::int, n::int) + 1], '')
                   from regexp_matches(parts[1], '%(\d{1,4}\$)?(s|i|l)', 'g') with ordinality as f (m, n)
                  where m[2] = 's');
      expression := replace(expression, found_format[1], '''''');
    end loop;

    -- What the branches of CASE and the arguments of the usual functions yield is concatenated as well.
    expression := regexp_replace(expression, '\mcase\M(?:(?!\mwhen\M).)*', ' ', 'g');
    expression := regexp_replace(expression, '\mwhen\M(?:(?!\mthen\M).)*\mthen\M', '||', 'g');
    expression := regexp_replace(expression, '\melse\M', '||', 'g');
    expression := regexp_replace(expression, '\mend\M', ' ', 'g');
    expression := regexp_replace(expression, '\m(?:coalesce|concat|concat_ws|string_agg|array_to_string|nullif|replace|lower|upper|[lrb]?trim|min|max)\s*\(', '(', 'g');
    operands := array(select o from regexp_split_to_table(expression, '\|\||,') o where o !~ '^[\s()]*$');
    foreach operand in array operands loop
      operand := btrim(operand, E' \t\r\n()');
      if operand ~ '^(?:array\s*\(\s*)?(?:select\s+)?(?:''[^'']*''\s*)+(?:\mfrom\M.*)?$' or operand ~ '^\d+$' or operand = 'null' or operand = any (safe) or operand = any (seen) then
        continue;
      end if;
      if operand = any (arguments) then
        return true;
      end if;
      if operand ~ '^\w{1,63}$' and code ~* ('\m' || operand || '\M\s*(?:\w[\w(). ]*)?(?::=|\mdefault\M)|\m' || operand || '\M\s*=|\minto\s+(?:strict\s+)?' || operand || '\M') then
        seen := seen || operand;
        expressions := expressions
          || array(select m[1] from regexp_matches(code, '\m' || operand || '\M(?:\s+\w[\w(). ]*)?\s*(?::=|=|\mdefault\M)([^;]*)', 'gi') m)
          || array(select m[1] from regexp_matches(code, '\mselect\M([^;]*)\minto\s+(?:strict\s+)?' || operand || '\M', 'gi') m);
        continue;
      end if;
      if cardinality(operands) > 1 then
        return true;
      end if;
    end loop;
  end loop;
  return false;
end
$function$;
comment on function tenancy.concatenates_statement(oid) is 'internal: whether a PL/pgSQL function makes a text part of a statement without quoting it, as far as its source tells';

select tenancy.define_rule('dynamic_sql_concatenation', 'high', 'a function that makes a text part of a statement without quoting it');
create function tenancy.rule_dynamic_sql_concatenation() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with candidate as materialized ( -- first, as the function reads the whole source
    select r.oid, r.prosecdef, r.proowner, r.how
      from tenancy.runnable_source r
      join pg_language l on l.oid = r.prolang and l.lanname = 'plpgsql'
     where r.source ~* '\mexecute\M'
  )
  select format('function %s', r.oid::regprocedure),
         case when r.prosecdef
           then format('%s, and a text with SQL in it runs with the rights of %s', r.how, r.proowner::regrole)
           else format('%s, and a text with SQL in it runs as whoever calls it: stored by one tenant, it runs in another''s context or in a bypass', r.how)
         end,
         '-- Write EXECUTE format(…) with %I for names and %L for values, or pass values with USING; then create or replace it.'
    from candidate r
   where tenancy.concatenates_statement(r.oid)
$function$;

-- The caller of an ordinary function must own the table himself, so only SECURITY DEFINER gives something away.
select tenancy.define_rule('rls_switch_function_callable', 'high', 'a SECURITY DEFINER function that switches row security or changes policies');
create function tenancy.rule_rls_switch_function_callable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('function %s', r.oid::regprocedure),
         format('%s, and with the rights of %s it switches off what keeps tenants apart', r.how, r.proowner::regrole),
         coalesce((select format('revoke execute on routine %s from %s', c.oid::regprocedure, c.grantees)
                     from tenancy.callable_routine c where c.oid = r.oid),
                  (select string_agg(format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass), '; ')
                     from pg_trigger t where t.tgfoid = r.oid and not t.tgisinternal))
    from tenancy.runnable_source r
   where r.prosecdef
     and (regexp_replace(r.source, '--[^\n]*', '', 'g')
            ~* '\m(disable|no\s+force)\s+row\s+level\s+security|\mrow_security\M|\m(create|alter|drop)\s+policy\M|\mbypassrls\M|\mtenancy\.unprotect'
          or exists (select from unnest(r.proconfig) c where c ~ '^row_security='))
$function$;

-- ---------------------------------------------------------------- event triggers
select tenancy.define_rule('event_trigger_weak', 'high', 'an event trigger that is switched off or whose function belongs to somebody weak');
create function tenancy.rule_event_trigger_weak() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  -- Ours, by membership: the guard.
  select format('event trigger %I', t.evtname),
         case when t.evtenabled = 'D' then 'the guard is off: a table without protection, a policy dropped or a view without security_invoker goes unseen'
              else 'the guard does not look at whoever sets session_replication_role' end,
         format('alter event trigger %I enable always', t.evtname)
    from pg_event_trigger t
    join pg_depend d on d.classid = 'pg_event_trigger'::regclass and d.objid = t.oid and d.deptype = 'e'
     and d.refclassid = 'pg_extension'::regclass
    join pg_extension e on e.oid = d.refobjid and e.extname = 'tenancy'
   where t.evtenabled <> 'A'
  union all
  select format('event trigger %I', t.evtname),
         format('%s owns its function %s and rewrites it: the code runs as whoever changes a table next, a superuser for instance',
                p.proowner::regrole, p.oid::regprocedure),
         format(E'-- Read the function first: it may have been changed already.\nalter function %s owner to %s', p.oid::regprocedure, t.evtowner::regrole)
    from pg_event_trigger t
    join pg_proc p on p.oid = t.evtfoid
    join pg_roles o on o.oid = p.proowner
   where not o.rolsuper
$function$;

revoke execute on function tenancy.source_without_literals(text), tenancy.concatenates_statement(oid) from public;
-- Rules: what may the roles do whose statements an attacker may write, and what can they become?

-- Grantees whose rights an attacker has. Superusers have every right; rules of their own tell who reaches one.
create view tenancy.exposed_grantee as
  select 0::pg_catalog.oid as oid, 'public'::pg_catalog.text as name
  union all
  select r.oid, pg_catalog.quote_ident(r.rolname)
    from pg_catalog.pg_roles r
   where not r.rolsuper and r.oid in (select reachable.role from tenancy.reachable_role reachable);
comment on view tenancy.exposed_grantee is 'internal: PUBLIC and the roles whose rights an attacker has, as a statement names them';
comment on column tenancy.exposed_grantee.oid is 'internal: the role; 0 for PUBLIC';
comment on column tenancy.exposed_grantee.name is 'internal: its name, quoted where it must be, or public';
revoke all on tenancy.exposed_grantee from public;

-- Rights of exposed grantees to protected tables and their columns; the owner's own are none of these.
create view tenancy.exposed_right as
  select p.relation, p.relowner, p.kind, null::pg_catalog.name as column_name, g.grantee, e.name as grantee_name, g.grantor, g.privilege_type as privilege
    from tenancy.protection p
    join pg_catalog.pg_class c on c.oid = p.relation
   cross join lateral pg_catalog.aclexplode(c.relacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.grantee <> p.relowner
  union all
  select p.relation, p.relowner, p.kind, a.attname, g.grantee, e.name, g.grantor, g.privilege_type
    from tenancy.protection p
    join pg_catalog.pg_attribute a on a.attrelid = p.relation and a.attacl is not null and not a.attisdropped
   cross join lateral pg_catalog.aclexplode(a.attacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.grantee <> p.relowner;
comment on view tenancy.exposed_right is 'internal: rights of exposed grantees to protected tables and their columns';
comment on column tenancy.exposed_right.relation is 'internal: protected table';
comment on column tenancy.exposed_right.relowner is 'internal: its owner';
comment on column tenancy.exposed_right.kind is 'internal: tenant or reference, as in tenancy.protection';
comment on column tenancy.exposed_right.column_name is 'internal: column; NULL for a right to the whole table';
comment on column tenancy.exposed_right.grantee is 'internal: who has the right; 0 for PUBLIC';
comment on column tenancy.exposed_right.grantee_name is 'internal: the grantee as a statement names it';
comment on column tenancy.exposed_right.grantor is 'internal: who has given it';
comment on column tenancy.exposed_right.privilege is 'internal: the right, in capitals';
revoke all on tenancy.exposed_right from public;

-- A superuser's REVOKE takes what the owner has granted; what somebody else has granted is his to take.
create function tenancy.revoke_statement(rights text, object text, grantee text, grantor oid, owner oid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case when grantor = owner then format('revoke %s on %s from %s', rights, object, grantee)
              else format('set role %I; revoke %s on %s from %s cascade; reset role', pg_get_userbyid(grantor), rights, object, grantee) end
$function$;
comment on function tenancy.revoke_statement(text, text, text, oid, oid) is 'internal: the statement that takes a right away which this grantor has given';
revoke execute on function tenancy.revoke_statement(text, text, text, oid, oid) from public;

-- The findings about some rights to protected tables, one for each table and grantee.
create function tenancy.findings_of_rights(privileges text[], gain text) returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s for %s', r.relation, r.grantee_name),
         format(findings_of_rights.gain, r.grantee_name, r.relation),
         string_agg(r.mend, '; ')
    from (select r.relation, r.grantee_name,
                 tenancy.revoke_statement(string_agg(r.right_text, ', ' order by r.right_text), r.relation::text, r.grantee_name, r.grantor, r.relowner) as mend
            from (select r.*, lower(r.privilege) || coalesce(' (' || quote_ident(r.column_name) || ')', '') as right_text from tenancy.exposed_right r
                   where r.privilege = any (findings_of_rights.privileges)) r
           group by r.relation, r.relowner, r.grantee_name, r.grantor) r
   group by r.relation, r.grantee_name
$function$;
comment on function tenancy.findings_of_rights(text[], text) is 'internal: findings about some rights of exposed grantees to protected tables';
revoke execute on function tenancy.findings_of_rights(text[], text) from public;

select tenancy.define_rule('truncate_granted', 'critical', 'TRUNCATE on a protected table in an attacker''s reach');
create function tenancy.rule_truncate_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.* from tenancy.findings_of_rights(array['TRUNCATE'],
    '%s empties %s of the rows of all tenants: row security does not ask TRUNCATE') f
$function$;

select tenancy.define_rule('trigger_or_references_granted', 'critical', 'TRIGGER or REFERENCES on a protected table in an attacker''s reach');
create function tenancy.rule_trigger_or_references_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.* from tenancy.findings_of_rights(array['TRIGGER', 'REFERENCES'],
    '%s puts a trigger on %s that runs in the statements of every tenant and sees their rows, or a foreign key that tells which keys exist') f
$function$;

select tenancy.define_rule('public_grant_on_protected', 'high', 'a protected table granted to everybody');
create function tenancy.rule_public_grant_on_protected() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select r.relation::text,
         format('every login of the database has a right to %s, also those that should know nothing of it: a policy is then all that is between them and its rows', r.relation),
         string_agg(r.mend, '; ')
    from (select r.relation,
                 tenancy.revoke_statement(string_agg(lower(r.privilege) || coalesce(' (' || quote_ident(r.column_name) || ')', ''), ', ' order by r.privilege, r.column_name),
                                          r.relation::text, 'public', r.grantor, r.relowner) as mend
            from tenancy.exposed_right r
           -- TRUNCATE, TRIGGER and REFERENCES are worse and have their own rules.
           where r.grantee = 0 and r.kind = 'tenant' and r.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
           group by r.relation, r.relowner, r.grantor) r
   group by r.relation
$function$;

-- The direct memberships through which somebody outside of the exposed roles is reached. A role that is exposed itself
-- and can become more has rows of its own.
create view tenancy.exposed_step as
  with recursive step (member, role) as (
    select m.member, m.roleid from pg_catalog.pg_auth_members m
    union
    select d.datdba, r.oid from pg_catalog.pg_database d, pg_catalog.pg_roles r
     where d.datname = pg_catalog.current_database() and r.rolname = 'pg_database_owner'
  ),
  way (exposed, first, role) as (
    select e.oid, s.role, s.role
      from tenancy.exposed_role e join step s on s.member = e.oid
     where s.role not in (select x.oid from tenancy.exposed_role x)
    union
    select way.exposed, way.first, s.role from way join step s on s.member = way.role
  )
  select w.exposed, e.name as exposed_name, w.first, pg_catalog.pg_get_userbyid(w.first) as first_name, w.role
    from way w join tenancy.exposed_role e on e.oid = w.exposed
   -- Nobody is made a member of pg_database_owner or taken out of it: its member is the owner of the database.
   where pg_catalog.pg_get_userbyid(w.first) <> 'pg_database_owner';
comment on view tenancy.exposed_step is 'internal: what an exposed role can become, and the direct membership by which it does';
comment on column tenancy.exposed_step.exposed is 'internal: exposed role';
comment on column tenancy.exposed_step.exposed_name is 'internal: its name';
comment on column tenancy.exposed_step.first is 'internal: role that it is a direct member of, itself not exposed';
comment on column tenancy.exposed_step.first_name is 'internal: its name';
comment on column tenancy.exposed_step.role is 'internal: role that is reached by way of it, or the same';
revoke all on tenancy.exposed_step from public;

select tenancy.define_rule('dangerous_role_attribute', 'critical', 'an exposed role that is or can become one with SUPERUSER, BYPASSRLS, CREATEROLE or REPLICATION');
create function tenancy.rule_dangerous_role_attribute() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with dangerous (oid, name, attributes, removal) as (
    select r.oid, r.rolname,
           concat_ws(', ', case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                     case when r.rolcreaterole then 'CREATEROLE' end, case when r.rolreplication then 'REPLICATION' end),
           concat_ws(' ', case when r.rolsuper then 'nosuperuser' end, case when r.rolbypassrls then 'nobypassrls' end,
                     case when r.rolcreaterole then 'nocreaterole' end, case when r.rolreplication then 'noreplication' end)
      from pg_roles r where r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolreplication
  )
  -- A superuser is not listed as exposed, but the extension's own roles must not be one.
  select format('role %I', d.name),
         format('statements that run as %I have %s: they pass row security or become somebody who does', d.name, d.attributes),
         format('alter role %I %s', d.name, d.removal)
    from dangerous d
   where d.oid in (select e.oid from tenancy.exposed_role e) or d.name in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
  union all
  select format('role %I, which can become %I', s.exposed_name, d.name),
         format('SET ROLE takes statements of %I to %I, which has %s: they pass row security or become somebody who does', s.exposed_name, d.name, d.attributes),
         string_agg(format('revoke %I from %I', s.first_name, s.exposed_name), '; ' order by s.first_name)
    from tenancy.exposed_step s join dangerous d on d.oid = s.role
   group by s.exposed_name, d.name, d.attributes
$function$;

select tenancy.define_rule('reaches_owner_or_predefined_role', 'critical', 'an exposed role that can become an owner, an operator or a powerful predefined role');
create function tenancy.rule_reaches_owner_or_predefined_role() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with powerful (oid, power) as (
    select o.owner, string_agg(distinct o.power, '; ')
      from (select p.relowner, 'takes the policies off protected tables that it owns' from tenancy.protection p
            union all
            select n.nspowner, 'renames and drops protected tables in a schema that it owns, or puts others in their place'
              from pg_namespace n
             where n.oid in (select c.relnamespace from tenancy.protection p join pg_class c on c.oid = p.relation)
            union all
            select d.datdba, 'switches the seal off for the database that it owns' from pg_database d where d.datname = current_database()
           ) as o (owner, power)
     group by o.owner
    union all
    select r.oid, named.power
      from (values
        ('tenancy_operator', 'sees all tenants by tenancy.bypass()'),
        ('pg_read_all_data', 'reads every table, password hashes and sessions among them'),
        ('pg_write_all_data', 'writes every table, the directory of accounts among them'),
        ('pg_execute_server_program', 'runs programs on the server as the user that owns all data files'),
        ('pg_read_server_files', 'reads the files of the server, data files among them'),
        ('pg_write_server_files', 'writes the files of the server, data files and libraries among them'),
        ('pg_signal_backend', 'ends the sessions of others'),
        ('pg_monitor', 'reads the statements that others run, and all statistics'),
        ('pg_read_all_stats', 'reads the statements that others run, and all statistics'),
        ('pg_read_all_settings', 'reads settings that are for superusers'),
        ('pg_stat_scan_tables', 'runs monitoring functions that lock the tables of all tenants'),
        ('pg_maintain', 'locks, clusters and vacuums the tables of all tenants'),
        ('pg_create_subscription', 'lets the server connect to others and apply what they send')
      ) as named (role, power)
      join pg_roles r on r.rolname = named.role
  )
  -- The power of an owner is one's own, too.
  select format('role %I', e.name),
         format('statements that run as %I have its power: it %s', e.name, p.power),
         case when e.name in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
              then format('reassign owned by %I to %I', e.name,
                          case when d.datdba in (select x.oid from tenancy.exposed_role x) then pg_get_userbyid(10) else pg_get_userbyid(d.datdba) end)
              else (select string_agg(format('revoke %I from %I', x.name, e.name), '; ' order by x.name)
                      from pg_auth_members m join tenancy.exposed_role x on x.oid = m.roleid where m.member = e.oid) end
    from tenancy.exposed_role e
    join powerful p on p.oid = e.oid
    join pg_database d on d.datname = current_database()
  union all
  select format('role %I, which can become %I', s.exposed_name, r.rolname),
         format('SET ROLE takes statements of %I to %I: it %s', s.exposed_name, r.rolname, p.power),
         string_agg(format('revoke %I from %I', s.first_name, s.exposed_name), '; ' order by s.first_name)
    from tenancy.exposed_step s
    join powerful p on p.oid = s.role
    join pg_roles r on r.oid = s.role
   where not r.rolsuper
     -- Parts of pg_monitor go without saying where that is reached.
     and not (r.rolname in ('pg_read_all_stats', 'pg_read_all_settings', 'pg_stat_scan_tables')
              and exists (select from tenancy.exposed_step m where m.exposed = s.exposed and m.first = s.first and pg_get_userbyid(m.role) = 'pg_monitor'))
     -- That the owner of the database is a member of pg_database_owner as well.
     and r.rolname <> 'pg_database_owner'
   group by s.exposed_name, r.rolname, p.power
$function$;

select tenancy.define_rule('powerful_login_role_can_become_app', 'critical', 'a superuser''s login that is used as the application''s');
create function tenancy.rule_powerful_login_role_can_become_app() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive app (oid) as (
    select r.oid from pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
    union
    select m.member from pg_auth_members m join app on m.roleid = app.oid
     where m.member <> (select r.oid from pg_roles r where r.rolname = 'tenancy_operator')
  )
  -- Other powers have rules that list the role as exposed; superusers pass every test of membership, so they are found by name.
  select format('role %I', r.rolname),
         format('an application that signs in as %I and works as the roles of tenancy is one RESET ROLE away from being superuser', r.rolname),
         string_agg(format('revoke %I from %I', pg_get_userbyid(m.roleid), r.rolname), '; ' order by pg_get_userbyid(m.roleid))
    from pg_roles r
    join pg_auth_members m on m.member = r.oid and m.roleid in (select app.oid from app)
   where r.rolsuper and r.rolcanlogin
   group by r.rolname
$function$;

select tenancy.define_rule('app_role_owns_objects', 'high', 'an exposed role that owns objects');
create function tenancy.rule_app_role_owns_objects() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select pg_describe_object(s.classid, s.objid, 0),
         format('statements that run as its owner %I change or replace it, for all tenants', e.name),
         format('reassign owned by %I to %I', e.name,
                case when d.datdba in (select x.oid from tenancy.exposed_role x) then pg_get_userbyid(10) else pg_get_userbyid(d.datdba) end)
    from tenancy.exposed_role e
    join pg_shdepend s on s.refclassid = 'pg_authid'::regclass and s.refobjid = e.oid and s.deptype = 'o'
    join pg_database d on d.datname = current_database() and d.oid = s.dbid
   where s.objsubid = 0
     -- Temporary objects end with their session.
     and not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                      where s.classid = 'pg_class'::regclass and c.oid = s.objid and n.nspname like 'pg\_%temp\_%')
     and not exists (select from pg_proc f join pg_namespace n on n.oid = f.pronamespace
                      where s.classid = 'pg_proc'::regclass and f.oid = s.objid and n.nspname like 'pg\_%temp\_%')
     and not exists (select from pg_type t join pg_namespace n on n.oid = t.typnamespace
                      where s.classid = 'pg_type'::regclass and t.oid = s.objid and n.nspname like 'pg\_%temp\_%')
     -- An owner of protected tables, of their schema or of the database is found by reaches_owner_or_predefined_role.
     and e.oid <> d.datdba
     and e.oid not in (select p.relowner from tenancy.protection p)
     and e.oid not in (select n.nspowner from pg_namespace n join pg_class c on c.relnamespace = n.oid join tenancy.protection p on p.relation = c.oid)
$function$;

-- ---------------------------------------------------------------- rights in the database that hardening is about, too
select tenancy.define_rule('create_privilege', 'critical', 'CREATE on a schema or the database in an attacker''s reach');
create function tenancy.rule_create_privilege() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement from tenancy.hardening_step() s where s.rule = 'create_privilege' and not s.done
  union all
  select f.* from tenancy.findings_by_name('schema', 'CREATE', '%s makes functions, operators and tables in %s that take the place of those that others'' statements mean') f
  union all
  select f.* from tenancy.findings_by_name('database', 'CREATE', '%s makes a schema of its own in %s, with functions and operators that others'' statements then find') f
$function$;

-- The same rights given by name to an exposed role: harden() takes from PUBLIC only.
create function tenancy.findings_by_name(kind text, privilege text, gain text) returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s for %s', n.subject, e.name),
         format(findings_by_name.gain, e.name, n.subject),
         string_agg(tenancy.revoke_statement(lower(g.privilege_type), n.subject, e.name, g.grantor, o.owner), '; ' order by g.grantor)
    from tenancy.hardening_object(findings_by_name.kind) o
   cross join lateral (select format('%s %I', findings_by_name.kind, o.name)) as n (subject)
   cross join lateral aclexplode(o.acl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.privilege_type = findings_by_name.privilege
     and g.grantee not in (0, o.owner)
     and (findings_by_name.kind <> 'database' or o.name = current_database())
   group by n.subject, e.name
$function$;
comment on function tenancy.findings_by_name(text, text, text) is 'internal: findings about a right to a schema, database or language that an exposed role has by name';
revoke execute on function tenancy.findings_by_name(text, text, text) from public;

select tenancy.define_rule('temp_privilege', 'high', 'temporary objects in an attacker''s reach');
create function tenancy.rule_temp_privilege() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement from tenancy.hardening_step() s where s.rule = 'temp_privilege' and not s.done
  union all
  select f.* from tenancy.findings_by_name('database', 'TEMPORARY', '%s leaves temporary tables, types and functions in %s on a pooled connection, in the place of those that the next request means') f
$function$;

select tenancy.define_rule('language_usage', 'high', 'a procedural language in an attacker''s reach');
create function tenancy.rule_language_usage() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement from tenancy.hardening_step() s where s.rule = 'language_usage' and not s.done
  union all
  select f.* from tenancy.findings_by_name('language', 'USAGE', '%s writes DO blocks and functions in %s: loops, caught errors and timing turn a small leak into whole values') f
$function$;

select tenancy.define_rule('public_system_function', 'medium', 'system functions that reach across tenants, callable by everybody');
create function tenancy.rule_public_system_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('functions: %s', s.subject), s.stops, s.statement
    from tenancy.hardening_step() s where s.rule = 'public_system_function' and not s.done
  union all
  -- What the server keeps from PUBLIC from the start (pg_read_file, lo_import and the like), given away later.
  select format('function %s for %s', p.oid::regprocedure, e.name),
         format('%s calls a function that PostgreSQL keeps for superusers, such as to read the files of the server', e.name),
         string_agg(tenancy.revoke_statement('execute', format('function %s', p.oid::regprocedure), e.name, g.grantor, p.proowner), '; ' order by g.grantor)
    from pg_proc p
    join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid and i.objsubid = 0 and i.privtype = 'i'
   cross join lateral aclexplode(p.proacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl <> i.initprivs and g.grantee <> p.proowner
     and not exists (select from aclexplode(i.initprivs) before where before.grantee in (0, g.grantee))
   group by p.oid, e.name
$function$;

select tenancy.define_rule('activity_views_readable', 'medium', 'statements and counters of others, readable by everybody');
create function tenancy.rule_activity_views_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('views: %s', s.subject), s.stops, s.statement
    from tenancy.hardening_step() s where s.rule = 'activity_views_readable' and not s.done
$function$;

select tenancy.define_rule('connect_to_other_databases', 'medium', 'logins that come into databases which are not theirs');
create function tenancy.rule_connect_to_other_databases() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement
    from tenancy.hardening_step() s
   where s.rule = 'connect_to_other_databases' and not s.done
     and (s.topic = 'connections' or exists (select from tenancy.exposed_role e where e.can_login))
$function$;

-- ---------------------------------------------------------------- what will be granted
select tenancy.define_rule('default_privileges', 'high', 'default privileges that give new objects to exposed roles');
create function tenancy.rule_default_privileges() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('default privileges of %I%s for %s on %s', pg_get_userbyid(a.defaclrole), k.place, e.name, k.objects),
         format('what %I makes next is %s''s from the first moment, before anybody protects it: %s on %s', pg_get_userbyid(a.defaclrole), e.name,
                string_agg(lower(g.privilege_type), ', ' order by g.privilege_type), k.objects),
         format('alter default privileges for role %I%s revoke %s on %s from %s', pg_get_userbyid(a.defaclrole), k.place,
                string_agg(lower(g.privilege_type), ', ' order by g.privilege_type), k.objects, e.name)
    from pg_default_acl a
    left join pg_namespace n on n.oid = a.defaclnamespace
   cross join lateral (select case when n.oid is null then '' else format(' in schema %I', n.nspname) end,
                              case a.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'n' then 'schemas' end) as k (place, objects)
   cross join lateral aclexplode(a.defaclacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.grantee <> a.defaclrole
     -- USAGE of sequences lets a serial column count, and shows nothing of rows.
     and (a.defaclobjtype = 'r' or a.defaclobjtype = 'S' and g.privilege_type = 'UPDATE' or a.defaclobjtype = 'n' and g.privilege_type = 'CREATE')
   group by a.defaclrole, k.place, e.name, k.objects
$function$;

-- Against what the extension gave when it was made, which the server keeps.
select tenancy.define_rule('extension_right_granted', 'critical', 'a right to an object of this extension that it does not give by itself');
-- What an application may open to its admins: each of these asks for a bypass context itself, see docs/operators.md.
create function tenancy.is_for_admins(object text, privilege text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select privilege = 'EXECUTE' and object in ('routine tenancy.suspend(text,text)', 'routine tenancy.resume(text)',
                                              'routine tenancy.session_counts()', 'routine tenancy.start_isolation_run()')
      or privilege = 'SELECT' and object in ('table tenancy.suspensions', 'table tenancy.audit_log',
                                             'table tenancy.isolation_runs', 'table tenancy.isolation_results')
$function$;
comment on function tenancy.is_for_admins(text, text) is 'internal: whether an application may grant this right to tenancy_admin';
revoke execute on function tenancy.is_for_admins(text, text) from public;

create function tenancy.rule_extension_right_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with member as materialized (
    select d.classid, d.objid
      from pg_depend d join pg_extension x on x.oid = d.refobjid and x.extname = 'tenancy'
     where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
  ), object (classid, oid, attnum, spoken, column_name, owner, acl, given) as (
    select m.classid, c.oid, 0, format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass), null::name, c.relowner,
           c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
      from member m join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
    union all
    select m.classid, c.oid, a.attnum, format('table %s', c.oid::regclass), a.attname, c.relowner, a.attacl, null
      from member m join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
      join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
    union all
    select m.classid, p.oid, 0, format('routine %s', p.oid::regprocedure), null, p.proowner, p.proacl, acldefault('f', p.proowner)
      from member m join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
  )
  select format('%s for %s', o.spoken, e.name),
         format('%s gets at what holds the context, the sessions or the protection together: who writes a session is signed in as anybody', e.name),
         string_agg(tenancy.revoke_statement(lower(g.privilege_type) || coalesce(' (' || quote_ident(o.column_name) || ')', ''), o.spoken, e.name, g.grantor, o.owner), '; '
                    order by o.attnum, g.privilege_type)
    from object o
   cross join lateral aclexplode(o.acl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
    left join pg_init_privs i on i.classoid = o.classid and i.objoid = o.oid and i.objsubid = o.attnum
   where g.grantee <> o.owner
     and not exists (select from aclexplode(coalesce(i.initprivs, o.given)) b where b.grantee = g.grantee and b.privilege_type = g.privilege_type)
     and not (e.name = 'tenancy_admin' and not g.is_grantable and o.attnum = 0 and tenancy.is_for_admins(o.spoken, g.privilege_type))
   group by o.spoken, e.name
$function$;
-- Rules: how is the server set up, and who comes in by which door? They read settings and the server's own files, which
-- check() may because it runs as the extension's owner.

-- The first minor release of each major one that has all fixes of row security known today: those of 2026-11-12.
-- Majors before the first of the list get no more fixes. The one place to change when there are newer ones.
create function tenancy.fixed_release() returns table (major integer, fixed integer)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$ values (14, 25), (15, 20), (16, 16), (17, 12), (18, 6) $function$;
comment on function tenancy.fixed_release() is 'internal: first minor release of each major one without known holes in row security';

-- What is wrong with the release of this number; NULL when nothing is known to be.
create function tenancy.release_trouble(version_num integer) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case
    when version_num / 10000 < (select min(f.major) from tenancy.fixed_release() f)
      then format('PostgreSQL %s gets no more fixes: update to %s', version_num / 10000,
                  (select format('%s.%s or newer', f.major, f.fixed) from tenancy.fixed_release() f where f.major = 15))
    else (select format('PostgreSQL %s.%s has known holes in row security: update to %s.%s or newer', f.major, version_num % 10000, f.major, f.fixed)
            from tenancy.fixed_release() f where f.major = version_num / 10000 and version_num % 10000 < f.fixed)
  end
$function$;
comment on function tenancy.release_trouble(integer) is 'internal: what is wrong with a release of PostgreSQL; NULL when nothing is known';
revoke execute on function tenancy.fixed_release(), tenancy.release_trouble(integer) from public;

select tenancy.define_rule('server_minor_below_known_fixes', 'critical', 'a server with known holes in row security');
create function tenancy.rule_server_minor_below_known_fixes() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('server %s', current_setting('server_version')),
         'whoever can run a query sees hidden rows through faults of the server itself, below anything that policies can do',
         format('-- %s', t.trouble)
    from (select tenancy.release_trouble(current_setting('server_version_num')::integer) as trouble) t
   where t.trouble is not null
$function$;

-- Settings stored with the database or a role, one row each; role NULL: for all roles, database NULL: in all databases.
-- Those of exposed roles, and those for all roles.
create view tenancy.stored_setting as
  select r.rolname as role, d.datname as database, pg_catalog.split_part(c.entry, '=', 1) as name,
         pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1) as value
    from pg_catalog.pg_db_role_setting s
   cross join lateral pg_catalog.unnest(s.setconfig) as c (entry)
    left join pg_catalog.pg_roles r on r.oid = s.setrole
    left join pg_catalog.pg_database d on d.oid = s.setdatabase
   where (s.setdatabase = 0 or d.datname = pg_catalog.current_database())
     and (s.setrole = 0 or s.setrole in (select e.oid from tenancy.exposed_role e));
comment on view tenancy.stored_setting is 'internal: settings that ALTER DATABASE and ALTER ROLE … SET have stored for this database, for all roles and for exposed ones';
comment on column tenancy.stored_setting.role is 'internal: role that it is stored for; NULL: all';
comment on column tenancy.stored_setting.database is 'internal: database that it is stored for; NULL: all';
comment on column tenancy.stored_setting.name is 'internal: name of the setting';
comment on column tenancy.stored_setting.value is 'internal: its value';
revoke all on tenancy.stored_setting from public;

-- What a setting is for everybody who connects to this database: stored with it, or else the server's. What the server
-- says is what it said when this session began.
create function tenancy.setting_here(name text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce((select s.value from tenancy.stored_setting s where s.role is null and s.name = setting_here.name
                    order by s.database nulls last limit 1),
                  (select p.reset_val from pg_settings p where p.name = setting_here.name))
$function$;
comment on function tenancy.setting_here(text) is 'internal: the value of a setting for who connects to this database';
revoke execute on function tenancy.setting_here(text) from public;

select tenancy.define_rule('role_or_database_settings', 'high', 'stored settings of a role or the database that weaken isolation');
create function tenancy.rule_role_or_database_settings() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with path as (
    select s.role, s.database, s.name, s.value, btrim(part.name, ' "') as schema, part.place
      from tenancy.stored_setting s cross join lateral string_to_table(s.value, ',') with ordinality as part (name, place)
     where s.name = 'search_path'
  ),
  weak (role, database, name, gain) as (
    select s.role, s.database, s.name, 'the transaction of a tenant is not sealed: LOCK TABLE, LISTEN, DO, temporary objects and EXPLAIN ANALYZE run in it'
      from tenancy.stored_setting s where s.name = 'tenancy.seal' and s.value in ('off', 'false', 'no', '0')
    union all
    select s.role, s.database, s.name, 'triggers and foreign keys do not fire: rows are written that the schema forbids, such as children of another tenant''s parent'
      from tenancy.stored_setting s where s.name = 'session_replication_role' and s.value <> 'origin'
    union all
    select s.role, s.database, s.name, 'large objects have no rights any more: every role reads and writes all of them'
      from tenancy.stored_setting s where s.name = 'lo_compat_privileges' and s.value in ('on', 'true', 'yes', '1')
    union all
    select s.role, s.database, s.name, 'a library of their choice is loaded into the server''s process of each session that has this setting'
      from tenancy.stored_setting s
     where s.name in ('session_preload_libraries', 'local_preload_libraries') and s.role is not null
       and s.value !~ '^[\s"]*(\$libdir/)?tenancy[\s"]*$' and s.value <> ''
    union all
    select p.role, p.database, p.name, 'functions and operators of another schema are found before those of PostgreSQL, which are named without a schema everywhere'
      from path p where p.schema = 'pg_catalog' and p.place > 1
    union all
    select p.role, p.database, p.name, format('names are looked for in schema %I, where an attacker may make objects that take the place of others', p.schema)
      from path p
     where exists (select from tenancy.hardening_object('schema') o cross join lateral aclexplode(o.acl) g join tenancy.exposed_grantee e on e.oid = g.grantee
                    where o.name = p.schema and g.privilege_type = 'CREATE' and g.grantee <> o.owner)
  )
  select format('%s: %s', t.target, w.name), min(w.gain), format('alter %s reset %I', t.target, w.name)
    from weak w
   cross join lateral (select case when w.role is null then format('database %I', w.database)
                                   when w.database is null then format('role %I', w.role)
                                   else format('role %I in database %I', w.role, w.database) end) as t (target)
   where w.role is not null or w.database is not null
   group by t.target, w.name
  union all
  -- ALTER ROLE ALL SET, for all roles of the cluster.
  select format('role all: %s', w.name), min(w.gain), format('alter role all reset %I', w.name)
    from weak w where w.role is null and w.database is null
   group by w.name
$function$;

select tenancy.define_rule('parameter_grant', 'high', 'a right to set server parameters in an attacker''s reach');
-- plpgsql: the catalog is there since PostgreSQL 15, and is looked for when the statement runs.
create function tenancy.rule_parameter_grant() returns setof tenancy.finding
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if to_regclass('pg_catalog.pg_parameter_acl') is null then
    return;
  end if;
  return query
    select format('parameter %s for %s', p.parname, e.name),
           format('%s changes %s, which is for superusers (%s): session_replication_role switches triggers and foreign keys off, others log what should not be, or load libraries',
                  e.name, p.parname, lower(string_agg(g.privilege_type, ', ' order by g.privilege_type))),
           string_agg(tenancy.revoke_statement(lower(g.privilege_type), format('parameter %s', (select string_agg(quote_ident(w), '.') from string_to_table(p.parname, '.') w)), e.name, g.grantor, 10), '; '
                      order by g.privilege_type)
      from pg_catalog.pg_parameter_acl p
     cross join lateral aclexplode(p.paracl) g
      join tenancy.exposed_grantee e on e.oid = g.grantee
     group by p.parname, e.name;
end
$function$;

select tenancy.define_rule('risky_setting', 'medium', 'settings of the server that weaken isolation');
create function tenancy.rule_risky_setting() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with here (mend_prefix) as (select format('alter database %I set ', current_database())),
  setting (name, value) as (
    select n.name, tenancy.setting_here(n.name)
      from unnest(array['tenancy.seal', 'session_replication_role', 'lo_compat_privileges', 'password_encryption', 'log_statement',
                        'log_min_duration_statement', 'log_min_duration_sample', 'log_transaction_sample_rate', 'log_parameter_max_length',
                        'log_parameter_max_length_on_error', 'shared_preload_libraries', 'session_preload_libraries', 'pgaudit.log_parameter']) as n (name)
  ),
  preloaded as (
    select exists (select from setting s cross join lateral string_to_table(s.value, ',') l
                    where s.name in ('shared_preload_libraries', 'session_preload_libraries')
                      and btrim(l, E' "\t') in ('tenancy', '$libdir/tenancy')) as preloaded
  ),
  logged as (
    select exists (select from setting s
                    where s.name = 'log_statement' and s.value = 'all'
                       or s.name in ('log_min_duration_statement', 'log_min_duration_sample') and s.value <> '-1'
                       or s.name = 'log_transaction_sample_rate' and s.value::float8 > 0) as logged
  )
  select format('setting %s', s.name), f.gain, here.mend_prefix || f.mend
    from here cross join preloaded cross join logged cross join setting s
   cross join lateral (values
     (s.name = 'session_preload_libraries' and not preloaded.preloaded,
      'until a session first calls a function of the extension, its client puts any value under the names of the extension''s settings; they are thrown away with a warning when the library loads, which is one line of defence instead of two',
      format('session_preload_libraries = %s', (select string_agg(quote_literal(btrim(l, E' "\t')), ', ') from string_to_table(concat_ws(',', nullif(s.value, ''), 'tenancy'), ',') l))),
     (s.name = 'log_parameter_max_length' and s.value <> '0' and logged.logged,
      'the server''s log holds the parameters of statements: passwords and tokens of everybody who signs in, and values of all tenants',
      'log_parameter_max_length = 0'),
     (s.name = 'log_parameter_max_length_on_error' and s.value <> '0',
      'the server''s log holds the parameters of statements that fail, passwords and tokens among them; each tenant can make its own fail',
      'log_parameter_max_length_on_error = 0'),
     (s.name = 'pgaudit.log_parameter' and s.value = 'on',
      'the audit log holds the parameters of statements: passwords and tokens of everybody who signs in, and values of all tenants',
      'pgaudit.log_parameter = off'),
     (s.name = 'password_encryption' and s.value = 'md5',
      'the passwords of roles that are set from now on are stored as md5 hashes, which open the server to whoever reads one',
      'password_encryption = ''scram-sha-256'''),
     -- Stored with the database these three are found by role_or_database_settings.
     (s.name = 'tenancy.seal' and s.value = 'off' and not exists (select from tenancy.stored_setting t where t.name = s.name and t.role is null),
      'the transaction of a tenant is not sealed: LOCK TABLE, LISTEN, DO, temporary objects and EXPLAIN ANALYZE run in it', 'tenancy.seal = on'),
     (s.name = 'session_replication_role' and s.value <> 'origin' and not exists (select from tenancy.stored_setting t where t.name = s.name and t.role is null),
      'triggers and foreign keys do not fire: rows are written that the schema forbids, such as children of another tenant''s parent', 'session_replication_role = origin'),
     (s.name = 'lo_compat_privileges' and s.value = 'on' and not exists (select from tenancy.stored_setting t where t.name = s.name and t.role is null),
      'large objects have no rights any more: every role reads and writes all of them', 'lo_compat_privileges = off')
   ) as f (found, gain, mend)
   where f.found
$function$;

select tenancy.define_rule('hba_trust_or_md5', 'critical', 'a line of pg_hba.conf that lets people in without proof');
create function tenancy.rule_hba_trust_or_md5() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s line %s', coalesce(to_jsonb(h) ->> 'file_name', current_setting('hba_file')), h.line_number),
         case h.auth_method
           when 'trust' then format('whoever reaches this door (%s) comes in as any of %s without a password', d.door, d.people)
           when 'ident' then format('whoever controls a machine behind this door (%s) says who he is and is believed, as any of %s', d.door, d.people)
           when 'password' then format('passwords come through this door (%s) as clear text: who listens on the network has them', d.door)
           else format('this door (%s) takes md5 hashes, and a role still has one: it can be attacked offline by who listens, and used as it is by who reads a backup', d.door)
         end,
         format('-- in %s, line %s: %s; then select pg_reload_conf()', coalesce(to_jsonb(h) ->> 'file_name', current_setting('hba_file')), h.line_number,
                case when h.auth_method = 'trust' and h.type = 'local' then 'peer or scram-sha-256 in the place of trust'
                     when h.auth_method = 'md5' then 'scram-sha-256 in the place of md5, after the roles with an md5 hash have a new password'
                     when h.auth_method = 'password' then 'scram-sha-256 in the place of password'
                     else format('scram-sha-256 or cert in the place of %s', h.auth_method) end)
    from pg_hba_file_rules h
   cross join lateral (select concat_ws(' ', h.type, h.address, h.netmask), array_to_string(h.user_name, ', ')) as d (door, people)
   where h.error is null
     -- A copy of the cluster, by a connection for replication, holds this database as well.
     and (h.database && array['all', 'replication', current_database()::text, 'sameuser', 'samerole', 'samegroup']
          or exists (select from unnest(h.database) n where n ~ '^[/+]'))
     and (h.auth_method = 'trust'
          -- On a socket the kernel tells who it is; the file may say ident for that.
          or h.auth_method = 'ident' and h.type <> 'local'
          or h.auth_method = 'password' and h.type not in ('local', 'hostssl', 'hostgssenc')
          -- Such a line takes SCRAM from everybody whose password is stored so.
          or h.auth_method = 'md5' and exists (select from pg_authid a where a.rolcanlogin and a.rolpassword like 'md5%'))
$function$;

select tenancy.define_rule('bypassing_role_connected_from_network', 'critical', 'a role above row security connected over the network');
create function tenancy.rule_bypassing_role_connected_from_network() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('role %I from %s', r.rolname, host(a.client_addr)),
         format('%I sees all tenants whatever the policies say; its password, stolen anywhere on the way, opens them to the network', r.rolname),
         -- Whoever may rename the role must not write a second line below the comment.
         translate(format('-- let %I in by a Unix socket or from this machine only: a line "host all %I all reject" at the top of %s, after the lines for local connections; give that client a role without %s',
                          r.rolname, r.rolname, current_setting('hba_file'), case when r.rolsuper then 'SUPERUSER' else 'BYPASSRLS' end), E'\r\n', '  ')
    from pg_stat_activity a
    join pg_roles r on r.oid = a.usesysid and (r.rolsuper or r.rolbypassrls)
   where a.datname = current_database()
     and not (a.client_addr <<= '127.0.0.0/8'::inet or a.client_addr <<= '::1/128'::inet)
   group by r.rolname, r.rolsuper, a.client_addr
$function$;
-- The functions of the rules are asked through tenancy.check() alone, which runs as their owner. Each row of tenancy.rule has one.

do $rights$
declare
  rule tenancy.rule;
begin
  for rule in select r.* from tenancy.rule r loop
    execute pg_catalog.format('revoke execute on function tenancy.%I() from public', 'rule_' || rule.name);
    execute pg_catalog.format('comment on function tenancy.%I() is %L', 'rule_' || rule.name,
                              pg_catalog.format('internal: finds %s (%s)', rule.title, rule.severity));
  end loop;
end
$rights$;

drop function tenancy.define_rule(name, text, text);
-- Hardening: rights that PostgreSQL gives to everybody and that help to get around isolation. What there is to take away
-- is computed from the catalog by tenancy.hardening_right(), for harden(), soften() and the rules of tenancy.check() alike.

create table tenancy.hardening (
  kind text not null constraint hardening_kind check (kind in ('database', 'schema', 'language', 'function', 'table')),
  object text not null,
  privilege text not null constraint hardening_privilege check (privilege in ('temporary', 'create', 'connect', 'usage', 'execute', 'select')),
  grantee name not null,
  recorded_in oid not null,
  recorded_by name not null default session_user,
  recorded_at timestamptz not null default pg_catalog.clock_timestamp(),
  constraint hardening_pkey primary key (kind, object, privilege, grantee)
);
comment on table tenancy.hardening is 'what tenancy.harden(true) changed and tenancy.soften() takes back';
comment on column tenancy.hardening.kind is 'database, schema, language, function or table';
comment on column tenancy.hardening.object is 'its name, quoted where it must be; of a database its oid';
comment on column tenancy.hardening.privilege is 'the right that was taken or given';
comment on column tenancy.hardening.grantee is 'public: the right was taken from PUBLIC; a role: it was given to this role, so that it keeps what it had';
comment on column tenancy.hardening.recorded_in is 'oid of the database in which harden() ran';
comment on column tenancy.hardening.recorded_by is 'login role that called it';
comment on column tenancy.hardening.recorded_at is 'when';
revoke all on tenancy.hardening from public;
-- Where pg_dump leaves the right out, of databases and of built-in languages, a note of it would be untrue in the copy.
select pg_catalog.pg_extension_config_dump('tenancy.hardening', $$where kind <> 'database' and (kind, object) <> ('language', 'sql')$$);

-- The objects of one kind that hardening is about, with their rights as they are. This and the next two are plpgsql for
-- its cache of plans: six rules of one tenancy.check() ask them, and planning costs more than running.
create function tenancy.hardening_object(kind text)
  returns table (oid oid, name name, arguments integer, owner oid, acl aclitem[])
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
  select d.oid, d.datname, null::integer, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)) from pg_database d
   where kind = 'database' and d.datallowconn
  union all
  select n.oid, n.nspname, null::integer, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n
   where kind = 'schema' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all
  select l.oid, l.lanname, null::integer, l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)) from pg_language l
   where kind = 'language' and l.lanpltrusted
  union all
  -- Outside pg_catalog the name proves nothing: anybody may call a function pg_stat_statements.
  select p.oid, p.proname, p.pronargs::integer, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p
   where kind = 'function'
     and (p.pronamespace = 'pg_catalog'::regnamespace
          or p.oid in (select d.objid from pg_depend d join pg_extension x on x.oid = d.refobjid and x.extname = 'pg_stat_statements'
                        where d.refclassid = 'pg_extension'::regclass and d.classid = 'pg_proc'::regclass and d.deptype = 'e'))
  union all
  select c.oid, c.relname, null::integer, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)) from pg_class c
   where kind = 'table' and c.relkind = 'v'
     and (c.relnamespace = 'pg_catalog'::regnamespace
          or c.oid in (select d.objid from pg_depend d join pg_extension x on x.oid = d.refobjid and x.extname = 'pg_stat_statements'
                        where d.refclassid = 'pg_extension'::regclass and d.classid = 'pg_class'::regclass and d.deptype = 'e'));
end
$function$;
comment on function tenancy.hardening_object(text) is 'internal: databases, schemas, languages, system functions or system views (kind table) with owner and rights';

create function tenancy.hardening_name(kind text, oid oid, name name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case hardening_name.kind
    when 'function' then hardening_name.oid::regprocedure::text
    when 'table' then hardening_name.oid::regclass::text
    else quote_ident(hardening_name.name)
  end
$function$;
comment on function tenancy.hardening_name(text, oid, name) is 'internal: the name of such an object as a statement takes it';

-- Each right of PUBLIC that hardening takes away. open: PUBLIC has it now. keep: roles that are given it by name then.
create function tenancy.hardening_right()
  returns table (topic text, subject text, kind text, oid oid, object text, privilege text, open boolean, keep name[])
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
  with here (oid) as (select d.oid from pg_database d where d.datname = current_database()),
  named (topic, kind, pattern, keep) as (values
    ('signals', 'function', '^pg_(cancel|terminate)_backend$', array['pg_signal_backend', 'pg_database_owner']),
    ('large objects', 'function', '^(lo_(creat|create|open|close|lseek|lseek64|tell|tell64|truncate|truncate64|unlink|from_bytea|get|put)|loread|lowrite)$', array['pg_database_owner']),
    ('advisory locks', 'function', '^pg_(try_)?advisory_', array['pg_database_owner']),
    ('notifications', 'function', '^pg_notify$', array['pg_database_owner']),
    ('statements in text', 'function', '^((query|cursor|table|schema|database)_to_xml(schema|_and_xmlschema)?|ts_stat|ts_rewrite)$', array['pg_database_owner']),
    ('snapshots', 'function', '^pg_export_snapshot$', array['pg_database_owner', 'pg_read_all_data']),
    ('messages in the log of changes', 'function', '^pg_logical_emit_message$', array[]::text[]),
    ('sizes', 'function', '^pg_(relation|table|indexes|total_relation|database|tablespace)_size$', array['pg_database_owner', 'pg_read_all_stats']),
    ('activity', 'function', '^(pg_stat_get_(activity|backend_.*|progress_info|wal_senders|wal_receiver|subscription)|pg_lock_status|pg_blocking_pids|pg_safe_snapshot_blocking_pids)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('activity', 'table', '^(pg_stat_(activity|ssl|gssapi|replication|wal_receiver|subscription|progress_.*)|pg_locks)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('access statistics', 'function', '^pg_stat_get_((xact_)?(numscans|tuples_.*|blocks_.*|function_.*)|live_tuples|dead_tuples|mod_since_analyze|ins_since_vacuum|db_tuples_.*)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('access statistics', 'table', '^pg_stat(io)?_(xact_)?((all|user|sys)_(tables|indexes|sequences)|user_functions|database)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('statement statistics', 'function', '^pg_stat_statements(_info)?$', array['pg_read_all_stats']),
    ('statement statistics', 'table', '^pg_stat_statements(_info)?$', array['pg_read_all_stats'])
  ),
  system as materialized (
    select k.kind, o.* from (values ('function'), ('table')) as k (kind) cross join lateral tenancy.hardening_object(k.kind) o
     where o.name ~ (select string_agg(n.pattern, '|') from named n) -- one look at each of 3,000 functions instead of many
  ),
  wanted (topic, kind, oid, name, owner, acl, privilege, keep) as (
    select t.topic, 'database', o.oid, o.name, o.owner, o.acl, t.privilege, array[]::text[]
      from tenancy.hardening_object('database') o
      join here on here.oid = o.oid
     cross join (values ('temporary objects', 'temporary'), ('new schemas', 'create')) as t (topic, privilege)
    union all
    -- Whoever has a right or an object there by name belongs there, and keeps the right to connect.
    select case when o.oid = here.oid then 'connections' else 'connections to other databases' end,
           'database', o.oid, o.name, o.owner, o.acl, 'connect',
           array(select r.rolname::text from pg_roles r
                  where not r.rolsuper
                    and (r.rolname = 'pg_monitor'
                         or r.rolname !~ '^pg_' and r.oid in (select d.refobjid from pg_shdepend d where d.dbid = o.oid and d.refclassid = 'pg_authid'::regclass)
                         or o.oid = here.oid and r.rolname in ('tenancy_gateway', 'tenancy_operator')
                         -- A login that does not inherit gets nothing from the roles that it belongs to.
                         or o.oid = here.oid and r.rolcanlogin and not r.rolinherit
                            and (pg_has_role(r.oid, 'tenancy_gateway', 'member') or pg_has_role(r.oid, 'tenancy_operator', 'member'))))
      from tenancy.hardening_object('database') o cross join here
    union all
    select 'new objects', 'schema', o.oid, o.name, o.owner, o.acl, 'create', array['pg_database_owner']
      from tenancy.hardening_object('schema') o
    union all
    select 'languages', 'language', o.oid, o.name, o.owner, o.acl, 'usage', array['pg_database_owner']
      from tenancy.hardening_object('language') o
    union all
    select n.topic, n.kind, o.oid, o.name, o.owner, o.acl, case n.kind when 'function' then 'execute' else 'select' end, n.keep
      from named n
      join system o on o.kind = n.kind and o.name ~ n.pattern
     where o.name <> 'ts_rewrite' or o.arguments = 2 -- the other one runs no statement
  )
  select w.topic,
         case when w.kind in ('function', 'table') then w.topic else format('%s %I', w.kind, w.name) end,
         w.kind, w.oid, tenancy.hardening_name(w.kind, w.oid, w.name), w.privilege, s.open,
         case when s.open
              then array(select r.rolname from pg_roles r
                          where r.rolname = any (w.keep) and r.oid <> w.owner
                            and not exists (select from aclexplode(w.acl) g where g.grantee = r.oid and lower(g.privilege_type) = w.privilege)
                          order by r.rolname)
              else '{}' end
    from wanted w
   cross join lateral (select exists (select from aclexplode(w.acl) g where g.grantee = 0 and lower(g.privilege_type) = w.privilege) as open) s
   -- Only the schema that everybody could write to before PostgreSQL 15 is worth a line when it is closed.
   where s.open or w.topic <> 'new objects' or w.name = 'public';
end
$function$;
comment on function tenancy.hardening_right() is 'internal: the rights of PUBLIC that tenancy.harden() takes away, and who keeps them by name';

-- The steps: what is taken in one statement, with what it stops and may break. by_harden: harden() makes it; the others are
-- about other applications' databases, where only their owner can judge.
create function tenancy.hardening_step()
  returns table (place integer, rule name, topic text, subject text, statement text, stops text, may_break text, done boolean, by_harden boolean)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
  with topic (place, topic, rule, stops, may_break) as (values
    (1, 'temporary objects', 'temp_privilege',
     'a temporary table or type that one request leaves on a pooled connection stands in the place of the one that the next request means; temporary functions are a programming environment',
     'statements that make temporary tables, other than the database owner''s: grant temporary on the database to their role'),
    (2, 'new schemas', 'create_privilege',
     'a schema of the attacker''s own, with functions and operators that others'' statements then find',
     'logins that make their own schema; the database''s owner still can'),
    (3, 'new objects', 'create_privilege',
     'a function, operator or table that takes the place of the one that others'' statements mean',
     'migrations by others than the owner of the schema or the database: grant create on the schema to their role'),
    (4, 'connections', 'connect_to_other_databases',
     'every login of the cluster, those of other applications included, comes into this database and has what PUBLIC has',
     'logins without any right by name in this database, members of pg_read_all_data among them: grant connect on the database to them'),
    (5, 'connections to other databases', 'connect_to_other_databases',
     'a stolen login of the gateway works in a database that is not hardened: temporary objects, languages, signals to the sessions of its own role, their statements',
     'logins without any right by name in that database, such as tools that start in it: grant connect on it to them'),
    (6, 'languages', 'language_usage',
     'DO blocks and functions of the attacker''s own: loops, caught errors and timing, which turn a small leak into whole values',
     'functions and DO blocks by others than the database''s owner: grant usage on the language to their role; calling functions that are there needs no right'),
    (7, 'signals', 'public_system_function',
     'one tenant cancels or ends the statements of all others, whose sessions run as the same login',
     'applications and tools that call these functions: grant pg_signal_backend to their role; a client''s own cancel request needs none'),
    (8, 'large objects', 'public_system_function',
     'large objects have no tenant: one tenant''s upload is another''s to find, and fills the disk',
     'applications that store large objects: keep them in a bytea column of a protected table'),
    (9, 'advisory locks', 'public_system_function',
     'one tenant holds the locks that others'' jobs wait for, and signals to another tenant by them',
     'job queues and migration tools that lock, other than as the database''s owner: grant execute to their role'),
    (10, 'notifications', 'public_system_function',
     'forged messages to everybody who listens; the statement NOTIFY stays, refused only while a tenant context is set',
     'triggers that call pg_notify() in the statements of others than the database''s owner: make the trigger function SECURITY DEFINER with a pinned search_path'),
    (11, 'statements in text', 'public_system_function',
     'an injection in one expression runs whole statements of its own (query_to_xml, ts_stat and their kind), past filters that look at the statement',
     'reports that make XML out of queries or tables, other than the database owner''s'),
    (12, 'snapshots', 'public_system_function',
     'a snapshot held open keeps dead rows of all tenants from being cleaned away',
     'pg_dump --jobs by others than the database''s owner and members of pg_read_all_data'),
    (13, 'messages in the log of changes', 'public_system_function',
     'forged messages in the stream that subscribers and replicas of all tenants read',
     'outbox libraries that write messages into the log: grant execute to their role'),
    (14, 'sizes', 'public_system_function',
     'the size of a table or partition tells how much others have, and whether it grows',
     'psql''s \dt+, \di+ and \l+ and tools that show sizes, other than as the database''s owner or a member of pg_monitor'),
    (15, 'activity', 'activity_views_readable',
     'statements, addresses, locks and times of other tenants'' sessions, which run as the same login',
     'monitoring by a login that is no member of pg_monitor'),
    (16, 'access statistics', 'activity_views_readable',
     'counters of rows and index entries: a search and its counter tell which values others hold',
     'monitoring by a login that is no member of pg_monitor'),
    (17, 'statement statistics', 'activity_views_readable',
     'pg_stat_statements shows the statements of all tenants, with constants where a statement is a utility command',
     'monitoring by a login that is no member of pg_monitor')
  ),
  -- What is still open is taken; where nothing is, the step shows all that it is about.
  shown as (
    select r.*, bool_or(r.open) over (partition by r.topic, r.subject) as step_open from tenancy.hardening_right() r
  ),
  kept (topic, subject, kind, privilege, role, objects) as (
    select s.topic, s.subject, s.kind, s.privilege, k.role, string_agg(s.object, ', ' order by s.object)
      from shown s cross join unnest(s.keep) as k (role)
     group by s.topic, s.subject, s.kind, s.privilege, k.role
  ),
  piece (topic, subject, turn, piece) as (
    select k.topic, k.subject, 1,
           format('grant %s on %s %s to %s', k.privilege, k.kind, k.objects, string_agg(quote_ident(k.role), ', ' order by k.role))
      from kept k group by k.topic, k.subject, k.kind, k.privilege, k.objects
    union all
    select s.topic, s.subject, 2,
           format('revoke %s on %s %s from public', s.privilege, s.kind, string_agg(s.object, ', ' order by s.object))
      from shown s
     where s.open or not s.step_open group by s.topic, s.subject, s.kind, s.privilege
  )
  select t.place, t.rule::name, t.topic, p.subject, string_agg(p.piece, '; ' order by p.turn, p.piece), t.stops, t.may_break,
         not (select bool_or(s.open) from shown s where s.topic = p.topic and s.subject = p.subject),
         t.topic <> 'connections to other databases' or p.subject in ('database postgres', 'database template1')
    from piece p join topic t on t.topic = p.topic
   group by t.place, t.rule, t.topic, p.topic, p.subject, t.stops, t.may_break;
end
$function$;
comment on function tenancy.hardening_step() is 'internal: the steps of tenancy.harden(), which several rules of tenancy.check() ask, too';

create function tenancy.require_superuser(what text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('permission denied to %s the database', what),
      hint = 'Let a superuser call it. The owner of the database may list the statements: select * from tenancy.harden().';
  end if;
end
$function$;
comment on function tenancy.require_superuser(text) is 'internal: refuses everybody else, with the way out';

create function tenancy.harden(apply boolean default false)
  returns table (statement text, stops text, may_break text, done boolean)
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  step text;
begin
  if apply then
    perform tenancy.require_superuser('harden');
    lock table tenancy.hardening in share row exclusive mode; -- one at a time
    insert into tenancy.hardening (kind, object, privilege, grantee, recorded_in)
    select r.kind, case r.kind when 'database' then r.oid::text else r.object end, r.privilege, g.grantee,
           (select d.oid from pg_database d where d.datname = current_database())
      from tenancy.hardening_right() r
      join tenancy.hardening_step() s on s.topic = r.topic and s.subject = r.subject and s.by_harden
     cross join unnest(r.keep || 'public'::name) as g (grantee)
     where r.open
    on conflict on constraint hardening_pkey do update
      set recorded_in = excluded.recorded_in, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at;
    for step in select s.statement from tenancy.hardening_step() s where s.by_harden and not s.done order by s.place, s.subject loop
      execute step;
    end loop;
  end if;
  return query
    select s.statement, s.stops, s.may_break, s.done from tenancy.hardening_step() s where s.by_harden order by s.place, s.subject;
end
$function$;
comment on function tenancy.harden(boolean) is
  'lists what PostgreSQL gives to everybody and isolation is better without: the statement, what it stops, what it may break, whether it is done; harden(true) makes the changes, soften() takes them back';

create function tenancy.soften() returns table (statement text)
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform tenancy.require_superuser('soften');
  lock table tenancy.hardening in share row exclusive mode;
  -- The notes only point to objects: the names in the statements are the catalog's, never a note's text. A copy made with
  -- CREATE DATABASE … TEMPLATE has notes of rights on the database it was made of, which are not its to change.
  for statement in
    select case h.grantee when 'public' then format('grant %s on %s %s to public', h.privilege, h.kind, o.object)
                          else format('revoke %s on %s %s from %I', h.privilege, h.kind, o.object, h.grantee) end
      from tenancy.hardening h
      join (select k.kind, o.*, tenancy.hardening_name(k.kind, o.oid, o.name) as object
              from unnest(array['database', 'schema', 'language', 'function', 'table']) as k (kind) cross join lateral tenancy.hardening_object(k.kind) o) o
        on o.kind = h.kind and case o.kind when 'database' then o.oid::text else o.object end = h.object
      left join pg_roles r on r.rolname = h.grantee
     where (h.kind <> 'database' or h.recorded_in = (select d.oid from pg_database d where d.datname = current_database()))
       and (h.grantee = 'public') <> exists (select from aclexplode(o.acl) g
                                              where g.grantee = case h.grantee when 'public' then 0::oid else r.oid end
                                                and lower(g.privilege_type) = h.privilege)
     order by (h.grantee = 'public') desc, h.kind, o.object, h.privilege, h.grantee
  loop
    execute statement;
    return next;
  end loop;
  delete from tenancy.hardening;
end
$function$;
comment on function tenancy.soften() is 'takes back what tenancy.harden(true) changed, and nothing else; tells the statements it ran';

revoke execute on function
  tenancy.hardening_object(text), tenancy.hardening_name(text, oid, name), tenancy.hardening_right(), tenancy.hardening_step(),
  tenancy.require_superuser(text), tenancy.harden(boolean), tenancy.soften()
from public;
-- Listing runs with the caller's rights and reads what everybody may read.
grant execute on function
  tenancy.hardening_object(text), tenancy.hardening_name(text, oid, name), tenancy.hardening_right(), tenancy.hardening_step(),
  tenancy.require_superuser(text),
  tenancy.harden(boolean), tenancy.soften()
to pg_database_owner;
-- The guard: watches DDL for statements that take isolation away or leave a new table without it (tenancy.guard).
--
-- Who runs what. The event trigger runs as whoever runs the statement. What it looks for is found in the catalogs alone, by
-- guard_findings(), as the extension's owner: no code of a table's owner runs there. Statements that mend are computed there
-- too, but run by the event trigger: with the rights of who ran the statement and no others.

create function tenancy.guard_mode() returns text language c stable parallel restricted as 'MODULE_PATHNAME', 'tenancy_guard_mode';
comment on function tenancy.guard_mode() is
  'internal: tenancy.guard as it counts for the statement that runs: off in a restore and in scripts of extensions, at most warn while replication applies';

create function tenancy.own_work() returns text language c volatile parallel restricted as 'MODULE_PATHNAME', 'tenancy_own_work';
comment on function tenancy.own_work() is
  'internal: which function of the extension''s own runs the statement that the guard is asked about; unknown in the statement that loads the library';

create function tenancy.granted_relations(command pg_ddl_command) returns oid[]
  language c volatile parallel restricted as 'MODULE_PATHNAME', 'tenancy_granted_relations';
comment on function tenancy.granted_relations(pg_ddl_command) is 'internal: relations whose rights a GRANT has changed; NULL for other commands';

create function tenancy.changes_owner(command pg_ddl_command) returns boolean
  language c volatile parallel restricted as 'MODULE_PATHNAME', 'tenancy_changes_owner';
comment on function tenancy.changes_owner(pg_ddl_command) is 'internal: whether an ALTER TABLE has changed the owner';

create type tenancy.guard_finding as (
  fact text,
  mend text,
  statements text[],
  trouble text,
  at_once boolean
);
comment on type tenancy.guard_finding is 'internal: what the guard has to say of a statement, and what mends it';
comment on column tenancy.guard_finding.fact is 'what the statement did, in a few words';
comment on column tenancy.guard_finding.mend is 'what to do about it: the hint';
comment on column tenancy.guard_finding.statements is 'what mends it, to be run one after another; NULL where nothing does';
comment on column tenancy.guard_finding.trouble is 'why nothing does';
comment on column tenancy.guard_finding.at_once is 'whether it is mended in every mode';
revoke usage on type tenancy.guard_finding from public;

-- The column that holds the tenant, as far as it can be known: of a protected table by its policies, of another by its name.
create function tenancy.guard_column(relation regclass) returns name
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  answer name;
begin
  -- The walls of single commands hold the tenant's own rows only, so that the first column in them is the tenant's.
  select a.attname into answer
    from pg_policy p
    join pg_attribute a on a.attrelid = relation
     and a.attnum = substring(coalesce(p.polqual, p.polwithcheck)::text, ':varattno (\d+)')::int2
   where p.polrelid = relation and (p.polname = 'tenancy_tenant' or p.polname like 'tenancy\_wall%')
   order by p.polname desc limit 1;
  if found then
    return answer;
  end if;
  select a.attname into answer
    from pg_attribute a
   where a.attrelid = relation and a.attname = 'tenant_id' and a.attnum > 0 and not a.attisdropped;
  if found then
    return answer;
  end if;
  -- Last, as it reads all policies. The key of a table of tenants has a name of any table.
  select a.attname into answer
    from pg_attribute a
   where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
     and a.attname in (select p.tenant_column from tenancy.protection p where p.kind = 'tenant' and not p.registry)
   limit 1;
  return answer;
end
$function$;
comment on function tenancy.guard_column(regclass) is 'internal: the tenant column of a relation, protected or not; NULL where none is seen';

-- The options of a relation that is protected or has just lost a policy.
create function tenancy.guard_options(relation regclass) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(
    (select tenancy.options_of(relation)
            || case when exists (select from pg_policy p where p.polrelid = relation and p.polname = 'tenancy_wall_insert') then '{"shared": true}' else '{}' end::jsonb),
    (select jsonb_build_object(
       'kind', 'tenant',
       'column', tenancy.guard_column(relation),
       'access', case when tenancy.tenants_write(relation) or tenancy.granted_on(relation, 'tenancy_admin') = '{}' then 'write' else 'read' end,
       'owner_column', (
         select a.attname
           from pg_policy p
           join pg_attribute a on a.attrelid = relation
            and a.attnum = substring(coalesce(p.polqual, p.polwithcheck)::text, ':varattno \d+ .*:varattno (\d+)')::int2
          where p.polrelid = relation and p.polname = 'tenancy_wall' and not shared),
       'shared', shared,
       'keys', false)
       from (select exists (select from pg_policy p where p.polrelid = relation and p.polname in ('tenancy_shared', 'tenancy_wall_insert')) as shared) s))
$function$;
comment on function tenancy.guard_options(regclass) is 'internal: options with which the guard protects a relation';

-- What tenancy.protect() would run, with its note, as a list.
create function tenancy.guard_plan(root regclass, options jsonb, is_child boolean) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation regclass;
  plan text[] := '{}';
begin
  for relation in select r from tenancy.with_children(root) r loop
    perform tenancy.require_protectable(relation, options);
    -- NOT NULL is the one statement for which the planner calls functions in the owner's constraints: as the owner.
    plan := plan || array(
      select case m.step when 'not null' then format('select tenancy.run_as_owner(%s, %L)', relation::oid, m.statement) else m.statement end
        from tenancy.missing_protection(relation, options, is_child or relation <> root) m);
    if not exists (select from pg_policy p where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference')) then
      plan := plan || tenancy.note_statement(relation,
        case options ->> 'kind' when 'reference' then 'tenancy_reference' else 'tenancy_tenant' end,
        tenancy.state_before(relation, options) || options || '{"keys": false}');
    end if;
  end loop;
  return plan;
end
$function$;
comment on function tenancy.guard_plan(regclass, jsonb, boolean) is 'internal: the statements that protect a relation with its children';

create function tenancy.guard_accepted(rule name, relation regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (select from tenancy.acceptance a where a.rule = guard_accepted.rule and a.object = relation::text)
$function$;
comment on function tenancy.guard_accepted(name, regclass) is 'internal: whether somebody has accepted that finding of tenancy.check()';

-- Views and materialized views over protected tables, through views.
create function tenancy.guard_reads_protected(view regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive under (relation) as (
    select view
    union
    select d.refobjid::regclass
      from under
      join pg_rewrite w on w.ev_class = under.relation and w.ev_type = '1'
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
  )
  select exists (select from under join pg_policy p on p.polrelid = under.relation and p.polname = 'tenancy_tenant')
$function$;
comment on function tenancy.guard_reads_protected(regclass) is 'internal: whether a view reads a protected table, at whatever depth';

-- Whether a table, view or policy is as it should be after the statement.
create function tenancy.guard_relation(target regclass, mode text, made boolean) returns setof tenancy.guard_finding
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  class pg_class;
  answer tenancy.guard_finding;
  member regclass;
  options jsonb;
  tenant_column name;
  parent_protected boolean;
begin
  select c.* into class from pg_class c where c.oid = target;
  if not found or class.relpersistence = 't' or class.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'tenancy'::regnamespace)
     or class.relkind not in ('r', 'p', 'f', 'v', 'm')
     or exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = target and d.deptype = 'e') then
    return;
  end if;

  if class.relkind = 'v' then
    if not exists (select from pg_options_to_table(class.reloptions) o where o.option_name = 'security_invoker' and o.option_value::bool)
       and tenancy.guard_reads_protected(target)
       and not exists (select from tenancy.directory d where target in (d.accounts, d.memberships))
       and not tenancy.guard_accepted('view_without_security_invoker', target) then
      answer.fact := format('view %s reads protected tables with the rights of its owner', target);
      answer.mend := format('alter view %s set (security_invoker = true)', target);
      answer.statements := array[answer.mend];
      return next answer;
    end if;
    return;
  end if;
  if class.relkind = 'm' then
    if tenancy.guard_reads_protected(target) and not tenancy.guard_accepted('matview_readable', target) then
      answer.fact := format('materialized view %s keeps rows of protected tables without their policies', target);
      answer.mend := format('drop materialized view %s; -- or grant it to nobody, and select tenancy.accept(''matview_readable'', %L, ''why'')', target, target::text);
      return next answer;
    end if;
    return;
  end if;

  -- Partitions and children, of any depth.
  for member in
    select r from tenancy.with_children(target) r
     where exists (select from pg_inherits i join tenancy.protection p on p.relation = i.inhparent where i.inhrelid = r)
  loop
    select c.* into class from pg_class c where c.oid = member;
    select tenancy.options_of(i.inhparent::regclass) || '{"keys": false}' into options
      from pg_inherits i join tenancy.protection p on p.relation = i.inhparent
     where i.inhrelid = member order by i.inhseqno limit 1;
    if class.relkind in ('r', 'p') and class.relrowsecurity and (class.relforcerowsecurity or options ->> 'kind' = 'reference')
       and not exists (select from tenancy.missing_policies(member, options)) then
      continue;
    end if;
    answer := null;
    answer.fact := format('%s is protected as its parent is', member);
    answer.mend := format('select tenancy.protect_like_parent(%L)', member::text);
    answer.at_once := true;
    begin
      answer.statements := tenancy.guard_plan(member, options, true);
    exception when others then
      answer.fact := format('%s is not protected, though its parent is', member);
      answer.trouble := sqlerrm;
    end;
    return next answer;
  end loop;
  select c.* into class from pg_class c where c.oid = target;
  parent_protected := exists (select from pg_inherits i join tenancy.protection p on p.relation = i.inhparent where i.inhrelid = target);
  if parent_protected then
    return;
  end if;

  -- Protected, or it was until now.
  if exists (select from pg_policy p where p.polrelid = target and p.polname = any (tenancy.our_policies())) then
    options := tenancy.guard_options(target);
    if class.relrowsecurity and (class.relforcerowsecurity or options ->> 'kind' = 'reference')
       and not exists (select from tenancy.missing_policies(target, options)) then
      return;
    end if;
    answer := null;
    answer.fact := format('the protection of table %s is not whole any more: %s', target,
      case when not class.relrowsecurity then 'row security is disabled'
           when not class.relforcerowsecurity and options ->> 'kind' <> 'reference' then 'its owner is not held'
           else 'a policy is not what tenancy.protect() made' end);
  else
    tenant_column := tenancy.guard_column(target);
    if tenant_column is null or tenancy.guard_accepted('rls_disabled_on_tenant_table', target) then
      return;
    end if;
    answer := null;
    if class.relkind = 'f' then
      answer.fact := format('row security does not reach the foreign table %s, which has the tenant column %I', target, tenant_column);
      answer.mend := format('drop foreign table %s; -- or grant it to nobody, and select tenancy.accept(''rls_disabled_on_tenant_table'', %L, ''why'')', target, target::text);
      return next answer;
      return;
    end if;
    options := tenancy.guard_options(target);
    answer.fact := format('table %s has the tenant column %I and no protection', target, tenant_column);
  end if;
  answer.mend := case options ->> 'kind'
    when 'reference' then format('select tenancy.protect(%L, reference => true)', target::text)
    else format('select tenancy.protect(%L, %L%s%s%s)', target::text, options ->> 'column',
                case when options ->> 'access' = 'read' then ', access => ''read''' else '' end,
                coalesce(', owner_column => ' || quote_literal(options ->> 'owner_column'), ''),
                case when options -> 'shared' = 'true' then ', shared => true' else '' end) end;
  if mode = 'protect' then
    begin
      answer.statements := tenancy.guard_plan(target, options, false);
    exception when others then
      answer.trouble := sqlerrm;
    end;
  elsif mode = 'refuse' and made then
    answer.mend := 'set tenancy.guard = protect; -- then a table is protected as it is made';
  end if;
  return next answer;
end
$function$;
comment on function tenancy.guard_relation(regclass, text, boolean) is 'internal: what the guard finds at one relation after a statement that touched it';

create function tenancy.guard_rights(touched regclass[]) returns setof tenancy.guard_finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with relation as (
    select c.oid::regclass as relation, c.relkind, c.relowner, c.relacl, p.kind
      from pg_class c left join tenancy.protection p on p.relation = c.oid
     where c.oid = any (touched) and c.relkind in ('r', 'p', 'f', 'm') and c.relpersistence <> 't'
  ), attacker as materialized (
    select distinct r.role as oid from tenancy.reachable_role r
    union all select 0::oid
  ), granted as (
    select r.relation, r.kind, r.relkind, g.grantee, g.privilege_type as privilege, null::name as column_name
      from relation r cross join aclexplode(r.relacl) g where g.grantee <> r.relowner
    union all
    select r.relation, r.kind, r.relkind, g.grantee, g.privilege_type, a.attname
      from relation r join pg_attribute a on a.attrelid = r.relation and a.attacl is not null and not a.attisdropped
      cross join aclexplode(a.attacl) g where g.grantee <> r.relowner
  ), dangerous as (
    select g.relation, case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end as grantee, g.column_name,
           string_agg(g.privilege, ', ' order by g.privilege) as privileges,
           string_agg(g.privilege || coalesce(' (' || quote_ident(g.column_name) || ')', ''), ', ' order by g.privilege) as revoked
      from granted g
     where g.kind is not null and g.grantee in (select a.oid from attacker a)
       and (g.privilege in ('TRUNCATE', 'REFERENCES', 'TRIGGER') or (g.grantee = 0 and not (g.kind = 'reference' and g.privilege = 'SELECT')))
     group by 1, 2, 3
  )
  select format('%s on protected table %s is granted to %s', d.privileges, d.relation, d.grantee),
         m.mend, array[m.mend], null::text, false
    from dangerous d
    cross join lateral (select format('revoke %s on %s from %s', lower(d.revoked), d.relation, d.grantee) as mend) m
  union all
  select format('table %s has the tenant column %s and no protection, and is granted to %s', r.relation, quote_ident(t.tenant_column), who.grantees),
         m.mend,
         array(select format('revoke all on %s from %s', r.relation, x) from unnest(who.list) x), null, false
    from relation r
    cross join lateral (select tenancy.guard_column(r.relation) as tenant_column) t
    cross join lateral (
      select string_agg(distinct x.grantee, ', ') as grantees, array_agg(distinct x.grantee) as list
        from (select case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end as grantee
                from granted g where g.relation = r.relation and g.grantee in (select a.oid from attacker a)
                 and not (g.grantee = 'tenancy_admin'::regrole and tenancy.is_for_admins(format('table %s', r.relation), g.privilege))) x) who
    cross join lateral (
      select string_agg(format('revoke all on %s from %s', r.relation, x), '; ')
             || case when r.relkind in ('r', 'p') then format('; -- or: select tenancy.protect(%L, %L)', r.relation::text, t.tenant_column) else '' end as mend
        from unnest(who.list) x) m
   where r.kind is null and who.list is not null and t.tenant_column is not null
     and not tenancy.guard_accepted('rls_disabled_on_tenant_table', r.relation)
$function$;
comment on function tenancy.guard_rights(regclass[]) is 'internal: dangerous rights on the relations that a GRANT has touched';

-- An owner of a protected table whom an exposed role is or can become, or whom no policy holds.
create function tenancy.guard_owner(touched regclass) returns setof tenancy.guard_finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('protected table %s now belongs to %I, %s', p.relation, r.rolname,
                case when r.rolsuper or r.rolbypassrls then 'whom no policy holds' else 'whom an exposed role can become' end),
         format('-- alter table %s owner to a role of its own, which nobody logs in as', p.relation), null::text[], null::text, false
    from tenancy.protection p
    join pg_roles r on r.oid = p.relowner
   where p.relation = touched
     and (r.rolsuper or r.rolbypassrls or r.oid in (select x.role from tenancy.reachable_role x))
$function$;
comment on function tenancy.guard_owner(regclass) is 'internal: a protected table whose owner takes their protection''s worth away';

-- Everybody may call it, but outside an event trigger it has nothing to tell; there it tells facts of the catalogs.
create function tenancy.guard_findings(event text, mode text, own_work text) returns setof tenancy.guard_finding
  language plpgsql stable
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  answer tenancy.guard_finding;
  command record;
  target regclass;
  looked regclass[] := '{}';
begin
  if event = 'sql_drop' then
    for target in
      select distinct to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))
        from pg_event_trigger_dropped_objects() d
       where d.object_type = 'policy' and not d.is_temporary and d.address_names[3] = any (tenancy.our_policies())
    loop
      continue when target is null; -- the table went as well
      -- unprotect() is on its way as long as one is left, and children go with their parent.
      continue when own_work is not null
        and (exists (select from pg_policy p where p.polrelid = target and p.polname = any (tenancy.our_policies()))
             or exists (select from pg_inherits i where i.inhrelid = target));
      answer := null;
      for answer in select f.* from tenancy.guard_relation(target, mode, false) f loop
        return next answer;
      end loop;
      if not exists (select from tenancy.protection p where p.relation = target)
         and answer is null then
        answer.fact := format('a policy that tenancy.protect() made on table %s is dropped', target);
        answer.mend := '-- call tenancy.protect() for it again';
        return next answer;
      end if;
    end loop;
    return;
  end if;

  for command in
    select c.classid, c.objid, c.command_tag, c.command
      from pg_event_trigger_ddl_commands() c
     where not c.in_extension and c.schema_name is distinct from 'pg_temp'
       and (c.classid in ('pg_class'::regclass, 'pg_policy'::regclass) and c.command_tag ~ '^(CREATE|ALTER) (FOREIGN TABLE|TABLE|POLICY|VIEW|MATERIALIZED VIEW)|^SELECT INTO'
            or c.command_tag = 'GRANT')
  loop
    if command.command_tag = 'GRANT' then
      return query select f.* from tenancy.guard_rights(tenancy.granted_relations(command.command)::regclass[]) f;
      continue;
    end if;
    if command.classid = 'pg_policy'::regclass then
      select p.polrelid::regclass into target from pg_policy p where p.oid = command.objid;
      return query
        select format('policy %I widens what is seen of protected table %s', p.polname, p.polrelid::regclass),
               m.mend, array[m.mend], null::text, false
          from pg_policy p
          join tenancy.protection t on t.relation = p.polrelid and t.kind = 'tenant'
          cross join lateral (select format('drop policy %I on %s', p.polname, p.polrelid::regclass) as mend) m
         where p.oid = command.objid and p.polpermissive and p.polname <> all (tenancy.our_policies());
    else
      target := command.objid;
      if tenancy.changes_owner(command.command) then
        return query select f.* from tenancy.guard_owner(target) f;
      end if;
    end if;
    continue when target = any (looked);
    looked := looked || target;
    return query
      select f.* from tenancy.guard_relation(target, mode,
        command.command_tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')) f;
  end loop;
end
$function$;
comment on function tenancy.guard_findings(text, text, text) is 'internal: what the guard has to say of the statement whose event trigger asks';

create function tenancy.guard_event() returns event_trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  mode text := tenancy.guard_mode();
  own_work text := tenancy.own_work();
  stack text;
  findings tenancy.guard_finding[];
  finding record;
  statement text;
  trouble text;
begin
  if mode = 'off' then
    return;
  end if;
  if own_work = 'unknown' then
    -- The library came with this statement. Alone on the stack, it is not ours.
    get diagnostics stack = pg_context;
    own_work := case when strpos(stack, E'\n') > 0 then 'unknown' end;
  end if;
  -- What is taken back on purpose is told as well: its end is a table without protection.
  if own_work is not null and not (tg_event = 'sql_drop' and own_work in ('unprotect', 'unprotect_all')) then
    return;
  end if;

  begin
    findings := array(select f from tenancy.guard_findings(tg_event, mode, own_work) f);
  exception when others then
    -- The guard itself fails: that must not stop a database which is only to be warned.
    findings := array[row('the guard could not look at this statement', '-- set tenancy.guard = off lets it through; select * from tenancy.check() tells what is open',
                          null, sqlerrm, false)::tenancy.guard_finding];
  end;
  for finding in select f.fact, f.mend, f.statements, f.trouble, f.at_once from unnest(findings) f loop
    trouble := finding.trouble;
    if finding.statements is not null and own_work is null and (mode = 'protect' or finding.at_once) then
      begin
        foreach statement in array finding.statements loop
          execute statement;
        end loop;
        raise notice using message = case when finding.at_once then finding.fact else finding.fact || ': mended' end;
        continue;
      exception when others then
        trouble := sqlerrm;
      end;
    end if;
    if mode = 'warn' then
      raise warning using message = finding.fact || coalesce(': ' || trouble, ''), hint = finding.mend;
    else
      raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = finding.fact || coalesce(': ' || trouble, ''),
        hint = case when own_work is null then finding.mend
                    else 'set tenancy.guard = warn; -- the owner of the database or a superuser may' end;
    end if;
  end loop;
end
$function$;
comment on function tenancy.guard_event() is 'internal: the guard''s event trigger function';

revoke execute on function
  tenancy.guard_mode(), tenancy.own_work(), tenancy.granted_relations(pg_ddl_command), tenancy.changes_owner(pg_ddl_command),
  tenancy.guard_column(regclass), tenancy.guard_options(regclass), tenancy.guard_plan(regclass, jsonb, boolean),
  tenancy.guard_accepted(name, regclass), tenancy.guard_reads_protected(regclass), tenancy.guard_relation(regclass, text, boolean),
  tenancy.guard_rights(regclass[]), tenancy.guard_owner(regclass), tenancy.guard_findings(text, text, text), tenancy.guard_event()
from public;
-- The event trigger runs as anybody who runs DDL.
-- run_as_owner() asks for the owner's rights itself.
grant execute on function tenancy.guard_mode(), tenancy.own_work(), tenancy.guard_findings(text, text, text), tenancy.run_as_owner(regclass, text) to public;

create event trigger tenancy_guard on ddl_command_end execute function tenancy.guard_event();
create event trigger tenancy_guard_drop on sql_drop execute function tenancy.guard_event();
-- Always: session_replication_role would switch them off otherwise.
alter event trigger tenancy_guard enable always;
alter event trigger tenancy_guard_drop enable always;
comment on event trigger tenancy_guard is 'watches DDL for isolation that is missing or lost (tenancy.guard)';
comment on event trigger tenancy_guard_drop is 'watches dropped policies for isolation that is lost (tenancy.guard)';
-- Whoever listens on the channel tenancy_schema, as the gateway does, hears of each transaction that has changed what may be
-- exposed: relations, functions, types, rights, comments.

create function tenancy.announce_schema_change() returns void language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_announce_schema_change';
comment on function tenancy.announce_schema_change() is 'internal: this transaction will notify tenancy_schema when it commits';

create function tenancy.schema_change_is_announced() returns boolean language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_schema_change_is_announced';
comment on function tenancy.schema_change_is_announced() is 'internal: whether this transaction will notify tenancy_schema already';

-- SECURITY DEFINER: it runs as anybody who runs DDL, and nobody else is to make gateways read the catalogs.
create function tenancy.schema_change_event() returns event_trigger
  language plpgsql volatile
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  if tenancy.schema_change_is_announced() then
    return;
  end if;
  -- Temporary objects are nobody else's.
  if tg_event = 'sql_drop' then
    if not exists (select from pg_event_trigger_dropped_objects() d where not d.is_temporary) then
      return;
    end if;
  elsif not exists (select from pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp') then
    return;
  end if;
  perform tenancy.announce_schema_change();
end
$function$;
comment on function tenancy.schema_change_event() is 'internal: the event trigger function that announces changes of the schema';

revoke execute on function tenancy.announce_schema_change(), tenancy.schema_change_is_announced(), tenancy.schema_change_event() from public;

create event trigger tenancy_schema_change on ddl_command_end
  when tag in (
    'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA',
    'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE RULE', 'CREATE TRIGGER', 'CREATE INDEX',
    'ALTER INDEX', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE ROUTINE', 'ALTER ROUTINE', 'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN',
    'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE EXTENSION', 'ALTER EXTENSION', 'GRANT', 'REVOKE', 'COMMENT')
  execute function tenancy.schema_change_event();
create event trigger tenancy_schema_drop on sql_drop execute function tenancy.schema_change_event();
-- Always: a restore or a replica changes the schema as well.
alter event trigger tenancy_schema_change enable always;
alter event trigger tenancy_schema_drop enable always;
comment on event trigger tenancy_schema_change is 'notifies tenancy_schema when the schema has changed';
comment on event trigger tenancy_schema_drop is 'notifies tenancy_schema when something has been dropped';
-- Why a row is not seen or a write is refused. What the caller may find out by statements of his own is found out so, with
-- his rights and under his policies: a tenant gets the same answer for a row of others and for none, after the same work. Who
-- answers for the table is told more, by the one function that looks past the policies.
--
-- No code of a table's owner runs as a superuser: policies do not hold superusers, so theirs are never evaluated, and rows
-- are looked up as the table's owner. Columns are compared as built-in types or in their text form, never through a cast
-- that somebody made.

create function tenancy.key_condition(table_name regclass, key jsonb) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  attribute record;
  conditions text[];
begin
  if key is null or jsonb_typeof(key) <> 'object' or key = '{}' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a key is a JSON object of columns and values',
      hint = format('For example: tenancy.why(%L, ''{"id": 6}''::jsonb).', table_name::text);
  end if;
  for attribute in
    select k.name, a.attname, a.attnum, key -> k.name = 'null' as is_null,
           -- With an operator of its own in pg_catalog, so that an index serves.
           (select b.typname
              from pg_type t
              join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
             where t.oid = a.atttypid and b.typtype = 'b' and b.typnamespace = 'pg_catalog'::regnamespace
               and (b.oid = 'varchar'::regtype
                    or exists (select from pg_operator o
                                where o.oprname = '=' and o.oprnamespace = 'pg_catalog'::regnamespace
                                  and o.oprleft = b.oid and o.oprright = b.oid))) as type_name
      from jsonb_object_keys(key) k (name)
      left join pg_attribute a on a.attrelid = table_name and a.attname = k.name and a.attnum > 0 and not a.attisdropped
     order by k.name
  loop
    if attribute.attname is null then
      raise exception using
        errcode = 'undefined_column',
        message = format('table %s has no column %I', table_name, attribute.name),
        hint = 'Name columns as the table has them, in their own upper and lower case.';
    end if;
    conditions := conditions || case
      when attribute.is_null then format('t.%I is null', attribute.attname)
      when attribute.type_name is not null then
        format('t.%I operator(pg_catalog.=) ($1 operator(pg_catalog.->>) %L)::pg_catalog.%I',
               attribute.attname, attribute.attname, attribute.type_name)
      else
        format('pg_catalog.format(''%%s'', t.%I) operator(pg_catalog.=) ($1 operator(pg_catalog.->>) %L)',
               attribute.attname, attribute.attname)
    end;
  end loop;
  return array_to_string(conditions, ' and ');
end
$function$;
comment on function tenancy.key_condition(regclass, jsonb) is
  'internal: the condition that finds the row t of a table by its key $1, through built-in operators alone';

-- What is asked as the table's owner: the facts that may be told, and the row for its policies.
create function tenancy.look_statement(table_name regclass, key jsonb, by_primary_key boolean) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  condition text := tenancy.key_condition(table_name, key);
  protected record;
begin
  if by_primary_key and exists (
    select from jsonb_object_keys(key) k
     where not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
                        where i.indrelid = table_name and i.indisprimary and a.attname = k)) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('permission denied to look for rows of %s by other columns than its primary key', table_name),
      hint = 'Ask as the owner of the table.';
  end if;
  select p.* into protected from tenancy.protected p where p.table_name = look_statement.table_name;
  return format('select pg_catalog.jsonb_build_object(%s), t from %s t where %s limit 1',
                (select string_agg(format('%L, case when t.%I is not null then pg_catalog.format(''%%s'', t.%2$I) end', c.label, c.name), ', ')
                   from (values ('tenant', protected.tenant_column), ('user', protected.owner_column)) as c (label, name)
                  where c.name is not null),
                table_name, condition);
end
$function$;
comment on function tenancy.look_statement(regclass, jsonb, boolean) is
  'internal: the statement with which tenancy.look_past_policies() asks for a row';

create function tenancy.look_past_policies(table_name regclass, key jsonb, with_policies boolean) returns jsonb
  language c stable parallel unsafe
  set search_path = pg_catalog, pg_temp
  as 'MODULE_PATHNAME', 'tenancy_look_past_policies';
comment on function tenancy.look_past_policies(regclass, jsonb, boolean) is
  'internal: tenant and user of a row, and the policies that hide it from the caller; NULL when it is not there; for superusers, owners and tenancy_operator outside a tenant''s context';

-- The policies that refuse a row, as [{"policy", "permissive"}, …]: each restrictive one that is not true, and when no
-- permissive one is true, all of those, or NULL where there is none. Evaluated as the caller, whom they hold.
create function tenancy.refusing_policies(table_name regclass, command text, row_values jsonb, checking boolean) returns jsonb
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  candidate record;
  fulfilled boolean;
  permitted boolean := false;
  restrictive jsonb := '[]';
  permissive jsonb := '[]';
begin
  if not row_security_active(table_name) then
    return '[]'; -- superusers, BYPASSRLS, the owner without FORCE
  end if;
  for candidate in
    select p.polname, p.polpermissive, c.relname, jsonb_build_object('policy', p.polname, 'permissive', p.polpermissive) as entry,
           pg_get_expr(case when checking then coalesce(p.polwithcheck, p.polqual) else p.polqual end, p.polrelid) as expression
      from pg_policy p
      join pg_class c on c.oid = p.polrelid
     where p.polrelid = table_name
       and p.polcmd in ('*', case command when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' when 'delete' then 'd' end)
       and exists (select from unnest(p.polroles) r (role) where r.role = 0 or pg_has_role(current_user, r.role, 'usage'))
     order by p.polname
  loop
    -- The row stands under the name that the stored expression knows.
    execute format('select coalesce((%s), false) from pg_catalog.jsonb_populate_record(null::%s, $1) as %I',
                   coalesce(candidate.expression, 'true'), table_name, candidate.relname)
       into fulfilled using row_values;
    if candidate.polpermissive then
      permitted := permitted or fulfilled;
      permissive := permissive || candidate.entry;
    elsif not fulfilled then
      restrictive := restrictive || candidate.entry;
    end if;
  end loop;
  if permitted then
    return restrictive;
  end if;
  return restrictive || case when permissive = '[]' then '[{"policy": null, "permissive": true}]' else permissive end;
end
$function$;
comment on function tenancy.refusing_policies(regclass, text, jsonb, boolean) is
  'internal: the policies that refuse a row to the caller, by USING or, when checking, by WITH CHECK';

-- What a table's owner can hang on the evaluation of its policies: functions and operators that they call, other relations
-- that they read, domains and casts of the columns' types. It would run with the rights of whoever asks.
create function tenancy.runs_owner_code(table_name regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (
    select from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
     where p.polrelid = table_name
       and not (d.refclassid = 'pg_class'::regclass and d.refobjid = table_name)
       and not (d.refclassid = 'pg_proc'::regclass
                and d.refobjid in (select f.oid from pg_proc f where f.pronamespace = 'tenancy'::regnamespace)))
  or exists (
    select from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = table_name and a.attnum > 0 and not a.attisdropped and t.oid >= 16384
       and not (t.typtype = 'e' and not exists (select from pg_cast c where c.castsource = t.oid or c.casttarget = t.oid)))
$function$;
comment on function tenancy.runs_owner_code(regclass) is
  'internal: whether evaluating a table''s policies on a row may run code that its owner wrote';

create function tenancy.not_tried(table_name regclass) returns table (reason text, explanation text, hint text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'not_tried', format('The policies of %s were not tried: they or its columns run code of its owner, who would have your rights.', table_name),
         'Ask as the owner of the table.'
$function$;
comment on function tenancy.not_tried(regclass) is 'internal: the answer where the policies would run code of the owner';

create function tenancy.policy_reasons(table_name regclass, refusing jsonb)
  returns table (reason text, explanation text, hint text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with r as (select * from jsonb_to_recordset(refusing) as r (policy name, permissive boolean))
  select 'policy', format('The restrictive policy %I says no.', r.policy),
         format('select * from tenancy.policies where table_name = %L::regclass shows what it asks.', table_name::text)
    from r where not r.permissive
  union all
  select 'policy',
         case when count(r.policy) = 0 then format('No permissive policy holds for role %I.', current_user)
              else format('No permissive policy says yes: %s.', string_agg(quote_ident(r.policy), ', ')) end,
         format('select * from tenancy.policies where table_name = %L::regclass shows what they ask.', table_name::text)
    from r where r.permissive having count(*) > 0
$function$;
comment on function tenancy.policy_reasons(regclass, jsonb) is 'internal: the answer about policies that say no';

create function tenancy.missing_grants(table_name regclass, privilege text, columns name[], role_name name)
  returns table (reason text, explanation text, hint text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with it as (
    select c.oid, n.oid as schema, n.nspname, p.kind, p.access, p.tenant_column, p.is_child,
           case when privilege = 'delete' then has_table_privilege(role_name, c.oid, privilege)
                else has_any_column_privilege(role_name, c.oid, privilege) end as granted_some,
           has_table_privilege(role_name, c.oid, privilege) as granted_all
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      left join tenancy.protected p on p.table_name = c.oid
     where c.oid = missing_grants.table_name
  ), lacking as (
    select string_agg(quote_ident(u.name), ', ') as columns
      from it, unnest(columns) u (name)
     where privilege <> 'delete' and it.granted_some and not it.granted_all
       and not has_column_privilege(role_name, it.oid, u.name, privilege)
  )
  select 'missing_grant', format('Role %I may not use the schema %I.', role_name, it.nspname),
         format('grant usage on schema %I to %I', it.nspname, role_name)
    from it
   where not has_schema_privilege(role_name, it.schema, 'usage')
  union all
  select case when held_by_access then 'read_only' else 'missing_grant' end,
         case when held_by_access and it.kind = 'reference' then
                format('%s is a reference table: tenants read it and do not change it.', table_name)
              when held_by_access then
                format('%s is protected with access => ''read'': tenants read their rows and do not change them.', table_name)
              else format('Role %I has no right to %s in table %s.', role_name, privilege, table_name) end,
         case when held_by_access and it.kind = 'reference' then 'Change it as the owner of the table.'
              when held_by_access then
                format('select * from tenancy.protect(%L, %L, ''write'') lets tenants write.', table_name::text, it.tenant_column)
              when it.is_child then format('Ask through its parent %s: the rights are there.',
                                           (select i.inhparent::regclass from pg_inherits i where i.inhrelid = it.oid limit 1))
              when it.kind is null and role_name in ('tenancy_user', 'tenancy_admin') then
                'Tables for tenants are protected with tenancy.protect(), which grants the rights.'
              else format('grant %s on %s to %I', privilege, table_name, role_name) end
    from it
    cross join lateral (
      select privilege <> 'select' and role_name = 'tenancy_user' and it.access = 'read' and not it.is_child as held_by_access) a
   where not it.granted_some
  union all
  select 'missing_grant', format('Role %I has no right to %s of the columns %s in table %s.', role_name, privilege, l.columns, table_name),
         format('grant %s (%s) on %s to %I', privilege, l.columns, table_name, role_name)
    from lacking l
   where l.columns is not null
$function$;
comment on function tenancy.missing_grants(regclass, text, name[], name) is
  'internal: the rights that a role lacks for a statement on a table, each with its GRANT';

-- What a question about a table needs to know of it and of the asker.
create function tenancy.why_situation(table_name regclass,
    out owner oid, out kind text, out tenant_column name, out owner_column name, out held boolean, out attached boolean, out bypass boolean,
    out tenant text, out "user" text, out acting name, out not_held text, out restrained boolean, out reason text, out explanation text, out hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation pg_class;
begin
  if table_name is null then
    raise exception using errcode = 'null_value_not_allowed', message = 'a question needs a table';
  end if;
  select c.* into relation from pg_class c where c.oid = table_name;
  if not found then
    raise exception using errcode = 'undefined_table', message = 'table does not exist';
  end if;
  if relation.relkind not in ('r', 'p') then
    raise exception using
      errcode = 'wrong_object_type',
      message = format('%s is not a table', table_name),
      hint = 'Ask about the tables under it.';
  end if;
  owner := relation.relowner;
  select p.kind, p.tenant_column, p.owner_column into kind, tenant_column, owner_column
    from tenancy.protected p where p.table_name = why_situation.table_name;
  -- A function in C comes first: it loads the library, so that the settings are its own.
  bypass := tenancy.bypassing();
  "user" := nullif(current_setting('tenancy.user_id', true), '');
  tenant := nullif(current_setting('tenancy.tenant_id', true), '');
  attached := "user" is not null;
  held := row_security_active(table_name);
  -- Tenants run the owner's code in every statement. Others who ask have more to lose.
  restrained := (not attached or bypass) and not pg_has_role(current_user, relation.relowner, 'usage') and tenancy.runs_owner_code(table_name);
  if not held then
    select case when r.rolsuper then 'Policies do not hold superusers.'
                when r.rolbypassrls then format('Policies do not hold role %I, which has BYPASSRLS.', current_user)
                when not relation.relrowsecurity then 'Row security is not enabled on the table.'
                else 'Policies do not hold the owner of the table: row security is not forced.' end
      into not_held from pg_roles r where r.rolname = current_user;
  end if;
  -- Who can attach will work as tenancy_user, and an operator's bypass as tenancy_admin: those roles' rights decide.
  acting := case when not held or kind is null or attached then current_user
                 when pg_has_role(current_user, 'tenancy_user', 'member') then 'tenancy_user'
                 when pg_has_role(current_user, 'tenancy_operator', 'member') then 'tenancy_admin'
                 else current_user end;
  if held and kind = 'tenant' and not attached then
    reason := 'no_context';
    explanation := 'This transaction has no tenant context: the rows of protected tables are there only inside one.';
    hint := 'Call tenancy.attach(token) as the first statement of the transaction.';
  elsif held and kind = 'tenant' and tenant is null and not bypass then
    reason := 'no_tenant';
    explanation := 'The user has signed in and has not chosen a tenant yet.';
    hint := 'Call tenancy.choose_tenant(token, tenant) and attach again; tenancy.whoami() lists the tenants.';
  end if;
end
$function$;
comment on function tenancy.why_situation(regclass) is
  'internal: what protects a table, whether policies hold the caller, his context and what it lacks, and the role whose rights decide';

create function tenancy.whose_row(facts jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select case
    when facts is null or not facts ? 'tenant' then null
    when facts ->> 'tenant' is null then 'It belongs to no tenant.'
    when facts ->> 'user' is null then format('It belongs to tenant %s.', facts ->> 'tenant')
    else format('It belongs to user %s of tenant %s.', facts ->> 'user', facts ->> 'tenant')
  end
$function$;
comment on function tenancy.whose_row(jsonb) is 'internal: tenant and user of a row in words';

create function tenancy.why(table_name regclass, key jsonb)
  returns table (reason text, explanation text, hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  situation record;
  condition text;
  columns name[];
  is_superuser boolean := (select r.rolsuper from pg_roles r where r.rolname = current_user);
  granted boolean;
  probed boolean := false;
  seen boolean := false;
  refusal text;
  refusal_hint text;
  looked boolean := false;
  facts jsonb;
  shown jsonb;
  whole_table boolean;
  answered boolean;
begin
  select s.* into situation from tenancy.why_situation(table_name) s;
  condition := tenancy.key_condition(table_name, key);
  columns := array(select k::name from jsonb_object_keys(key) k);

  granted := not exists (select from tenancy.missing_grants(table_name, 'select', columns, current_user));

  -- Who answers for the table looks past the policies. Never in a tenant's context: there, a row of others and no row are
  -- the same answer after the same work.
  if not situation.attached or situation.bypass then
    begin
      facts := tenancy.look_past_policies(table_name, key, situation.reason is null);
      looked := true;
    exception when insufficient_privilege then
      get stacked diagnostics refusal = message_text, refusal_hint = pg_exception_hint;
      begin
        facts := tenancy.look_past_policies(table_name, key, false);
        looked := true; -- it was a policy that refused
      exception when insufficient_privilege then
        refusal := null; -- he does not answer for it
      end;
    end;
  end if;

  -- The policies of protect() hide nothing from a bypass; others might.
  whole_table := situation.bypass and current_user = 'tenancy_admin'
    and not exists (select from pg_policy p where p.polrelid = table_name and not starts_with(p.polname::text, 'tenancy_'));

  if is_superuser then
    seen := facts is not null;
  elsif looked and not pg_has_role(current_user, situation.owner, 'usage') then
    -- Operators do not query a table of others: its owner's code would run with their rights. The look has asked the
    -- policies, restricted.
    seen := granted and coalesce(facts -> 'refusing' = '[]', false);
  elsif granted and refusal is null and not situation.restrained then
    begin
      -- An admin of the application sees all tenants in a bypass: there it helps to know whose row it is.
      execute format('select true, pg_catalog.jsonb_build_object(%s) from %s t where %s limit 1',
                     (select string_agg(format('%L, case when t.%I is not null then pg_catalog.format(''%%s'', t.%2$I) end', c.label, c.name), ', ')
                        from (values ('tenant', situation.tenant_column), ('user', situation.owner_column)) as c (label, name)
                       where situation.bypass and situation.held and has_column_privilege(table_name, c.name, 'select')),
                     table_name, condition)
         into seen, shown using key;
      seen := coalesce(seen, false);
      probed := true;
    exception when insufficient_privilege then
      get stacked diagnostics refusal = message_text, refusal_hint = pg_exception_hint;
    end;
  end if;

  if seen then
    return query select 'visible', concat_ws(' ', 'You see it.', situation.not_held, tenancy.whose_row(coalesce(facts, shown))), null;
  elsif looked and facts is null or probed and (not situation.held or whole_table) then
    return query select 'no_such_row', 'No row has this key.', null;
    return;
  else
    return query select * from tenancy.missing_grants(table_name, 'select', columns, situation.acting);
    answered := found;
    if situation.reason is not null then
      return query select situation.reason, situation.explanation, situation.hint;
    elsif refusal is not null then
      return query select 'policy_error', format('Looking at it was refused: %s.', refusal), nullif(refusal_hint, '');
    elsif facts -> 'refusing' = 'null' then
      return query select * from tenancy.not_tried(table_name);
    elsif facts is not null then
      return query select * from tenancy.policy_reasons(table_name, facts -> 'refusing');
    elsif not answered then
      return query select 'not_yours_or_not_there',
        'No row that you may see has this key: it is not there, or it is not yours.',
        'Check the key, and with tenancy.whoami() who you are. The owner of the table and members of tenancy_operator are told more.';
    end if;
    if facts is not null and situation.tenant_column is not null then
      return query select 'row_of_tenant', concat_ws(' ', 'The row is there.', tenancy.whose_row(facts)),
                          'A context of that tenant sees it, and a bypass.';
    end if;
  end if;
  if situation.kind is null then
    return query select 'not_protected', 
      format('tenancy.protect() does not cover %s: who may read it sees the rows of all tenants, unless other policies say no.', table_name),
      format('select * from tenancy.protect(%L) as its owner.', table_name::text);
  end if;
end
$function$;
comment on function tenancy.why(regclass, jsonb) is
  'why a row is seen or not, found by a JSON object of columns and values: one row for each reason, the most decisive first';

-- The key as a list, in the order of the primary key. In a tenant's context the tenant may be left out.
create function tenancy.why(table_name regclass, variadic key text[])
  returns table (reason text, explanation text, hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  situation record;
  columns text[];
begin
  select s.* into situation from tenancy.why_situation(table_name) s;
  select array_agg(a.attname order by u.position) into columns
    from pg_index i
    cross join unnest(i.indkey::int2[]) with ordinality u (attnum, position)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
   where i.indrelid = why.table_name and i.indisprimary and u.position <= i.indnkeyatts;
  if columns is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('table %s has no primary key', table_name),
      hint = format('Name the columns: tenancy.why(%L, ''{"column": "value"}''::jsonb).', table_name::text);
  end if;
  if situation.tenant is not null and cardinality(columns) > 1 and cardinality(key) = cardinality(columns) - 1 then
    columns := array_remove(columns, situation.tenant_column::text) || situation.tenant_column::text;
    key := key || situation.tenant;
  end if;
  if cardinality(columns) is distinct from cardinality(key) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('the key of table %s has %s columns', table_name, cardinality(columns)),
      hint = format('Give a value for each: %s.', array_to_string(columns, ', '));
  end if;
  return query select * from tenancy.why(table_name, jsonb_object(columns, key));
end
$function$;
comment on function tenancy.why(regclass, text[]) is
  'why a row is seen or not, found by its primary key: one row for each reason, the most decisive first';

create function tenancy.why(table_name regclass, key bigint)
  returns table (reason text, explanation text, hint text)
  language sql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  select * from tenancy.why(table_name, variadic array[key::text])
$function$;
comment on function tenancy.why(regclass, bigint) is
  'why a row is seen or not, found by a primary key that is one number';

revoke execute on function
  tenancy.key_condition(regclass, jsonb), tenancy.look_statement(regclass, jsonb, boolean), tenancy.look_past_policies(regclass, jsonb, boolean),
  tenancy.refusing_policies(regclass, text, jsonb, boolean), tenancy.runs_owner_code(regclass), tenancy.not_tried(regclass), tenancy.policy_reasons(regclass, jsonb),
  tenancy.missing_grants(regclass, text, name[], name), tenancy.why_situation(regclass), tenancy.whose_row(jsonb),
  tenancy.why(regclass, jsonb), tenancy.why(regclass, text[]), tenancy.why(regclass, bigint)
from public;
-- Everybody may ask: with his own rights, or refused by look_past_policies() itself. The internal ones hold no rights.
grant execute on function
  tenancy.key_condition(regclass, jsonb), tenancy.look_statement(regclass, jsonb, boolean), tenancy.look_past_policies(regclass, jsonb, boolean),
  tenancy.refusing_policies(regclass, text, jsonb, boolean), tenancy.runs_owner_code(regclass), tenancy.not_tried(regclass), tenancy.policy_reasons(regclass, jsonb),
  tenancy.missing_grants(regclass, text, name[], name), tenancy.why_situation(regclass), tenancy.whose_row(jsonb),
  tenancy.why(regclass, jsonb), tenancy.why(regclass, text[]), tenancy.why(regclass, bigint)
to public;
-- Why a write is refused: from the catalog, and by the policies' own expressions on the row as it would be. Nothing is written
-- for it, not even in a transaction that is rolled back: triggers, sequences and the keys of others stay out of it.

-- Defaults that give the same value here as in the write: constants, current_user and the like, and the context's own.
-- Others may draw from a sequence or run the application's code for nothing.
create function tenancy.plain_defaults(table_name regclass, except_for jsonb, out values_list text, out left_out text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(format('%L, %s', d.attname, d.expression), ', ') filter (where d.plain),
         string_agg(quote_ident(d.attname), ', ') filter (where not d.plain)
    from (select a.attname, pg_get_expr(x.adbin, x.adrelid) as expression,
                 x.adbin::text ~ '^\{(CONST|SQLVALUEFUNCTION) '
                 or pg_get_expr(x.adbin, x.adrelid) ~ '^tenancy\.(tenant|user)_(id|bigint|uuid)\(\)$' as plain
            from pg_attribute a
            join pg_attrdef x on x.adrelid = a.attrelid and x.adnum = a.attnum
           where a.attrelid = table_name and a.attgenerated = '' and not except_for ? a.attname::text) d
$function$;
comment on function tenancy.plain_defaults(regclass, jsonb) is
  'internal: the defaults of a table''s other columns that can be evaluated without a trace, and the columns that cannot';

create function tenancy.why_write(table_name regclass, new_row jsonb, old_key jsonb default null)
  returns table (reason text, explanation text, hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  command text := case when old_key is null then 'insert' when new_row is null then 'delete' else 'update' end;
  situation record;
  wanted record;
  default_values text;
  left_out text;
  columns name[] := '{}';
  unrecognized text;
  refused boolean := false;
  named boolean;
  row_before jsonb;
  row_after jsonb;
  refusing jsonb := '[]';
  value text;
  spelled text;
  not_tried text;
  refusal text;
  refusal_hint text;
begin
  select s.* into situation from tenancy.why_situation(table_name) s;
  if new_row is null and old_key is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a write has a new row, the key of an old one, or both',
      hint = 'INSERT: new_row; UPDATE: new_row with the changed columns, and old_key; DELETE: NULL and old_key.';
  end if;
  if new_row is not null then
    if jsonb_typeof(new_row) <> 'object' then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = 'the new row is not a JSON object of columns and values',
        hint = format('For example: tenancy.why_write(%L, ''{"name": "Ann"}'').', table_name::text);
    end if;
    columns := array(select k::name from jsonb_object_keys(new_row) k);
    select k into unrecognized from jsonb_object_keys(new_row) k
     where not exists (select from pg_attribute a
                        where a.attrelid = why_write.table_name and a.attname = k and a.attnum > 0 and not a.attisdropped)
     limit 1;
    if found then
      raise exception using
        errcode = 'undefined_column',
        message = format('table %s has no column %I', table_name, unrecognized),
        hint = 'Name columns as the table has them, in their own upper and lower case.';
    end if;
  end if;
  if old_key is not null then
    perform tenancy.key_condition(table_name, old_key);
  end if;

  -- Rights and context.
  return query select * from tenancy.missing_grants(table_name, command, columns, situation.acting);
  refused := found;
  if command = 'insert' then
    return query
      select 'missing_grant',
             format('Role %I may not draw the default of column %I from the sequence %s.', situation.acting, a.attname, d.objid::regclass),
             format('grant usage on sequence %s to %I', d.objid::regclass, situation.acting)
        from pg_depend d
        join pg_class q on q.oid = d.objid and q.relkind = 'S'
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
       where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = why_write.table_name
         and d.deptype = 'a' and not new_row ? a.attname::text
         and case when q.relkind = 'S' then not has_sequence_privilege(situation.acting, d.objid, 'usage, update') end;
    refused := refused or found;
  end if;
  if situation.reason is not null then
    return query select situation.reason, situation.explanation, situation.hint;
    refused := true;
  end if;

  -- The old row: who does not see it is told what tenancy.why() tells him.
  if command <> 'insert' and not refused then
    for reason, explanation, hint in select * from tenancy.why(table_name, old_key) loop
      exit when reason = 'visible'; -- it comes first
      refused := true;
      return next;
    end loop;
  end if;
  if refused then
    return;
  end if;

  if situation.held and situation.restrained then
    return query select * from tenancy.not_tried(table_name);
    return;
  end if;

  -- Whose the new row is. The values are the caller's own; a superuser's row is not made of them, for a check in a type of
  -- the table's owner could run.
  for wanted in
    select w.*, x.expression ~ '^tenancy\.(tenant|user)_(id|bigint|uuid)\(\)$' as from_context
      from (values ('tenant', situation.tenant_column, situation.tenant),
                   ('user', situation.owner_column, situation."user")) as w (what, column_name, own)
      join pg_attribute a on a.attrelid = why_write.table_name and a.attname = w.column_name
      left join lateral (
        select pg_get_expr(d.adbin, d.adrelid) as expression
          from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum) x on true
     where command <> 'delete' and situation.kind = 'tenant'
       and (new_row ? w.column_name::text
            or command = 'insert' and a.attidentity = '' and (x.expression is null or x.expression ~ '^tenancy\.'))
  loop
    value := case when new_row ? wanted.column_name::text then new_row ->> wanted.column_name::text
                  when wanted.from_context then wanted.own end;
    if value is null then
      return query select wanted.what || '_null',
        format('Column %I is NULL in the new row: each row belongs to a %s.', wanted.column_name, wanted.what),
        case when wanted.own is null then format('Name the %s in the row: there is no context to take it from.', wanted.what)
             else format('Write %s, or leave the column out where its default is the context''s.', wanted.own) end;
      refused := true;
    elsif situation.held and not situation.bypass then
      execute format('select pg_catalog.format(''%%s'', t.%I) from pg_catalog.jsonb_populate_record(null::%s, $1) t', wanted.column_name, table_name)
         into spelled using jsonb_build_object(wanted.column_name, value);
      if spelled is distinct from wanted.own then
        return query select 'other_' || wanted.what,
          format('The new row names %s %s in column %I, and this is a context of %s %s.',
                 wanted.what, value, wanted.column_name, wanted.what, wanted.own),
          format('Write %s, or leave the column out where its default is the context''s.', wanted.own);
        refused := true;
      end if;
    end if;
  end loop;
  named := refused;

  -- What the policies say of the row before and after.
  if situation.held then
    begin
      if command = 'insert' then
        select d.values_list, d.left_out into default_values, left_out from tenancy.plain_defaults(table_name, new_row) d;
        execute format('select pg_catalog.jsonb_build_object(%s)', default_values) into row_after;
        refusing := tenancy.refusing_policies(table_name, 'insert', row_after || new_row, true);
      elsif has_table_privilege(current_user, table_name, 'select') then
        execute format('select pg_catalog.to_jsonb(t) from %s t where %s limit 1', table_name, tenancy.key_condition(table_name, old_key))
           into row_before using old_key;
        refusing := tenancy.refusing_policies(table_name, command, row_before, false);
        if command = 'update' then
          row_after := row_before || new_row;
          refusing := refusing || tenancy.refusing_policies(table_name, 'update', row_after, true)
                               || tenancy.refusing_policies(table_name, 'select', row_after, false);
        end if;
      else
        not_tried := 'The policies were not tried: that takes the right to select all columns of the old row.';
      end if;
    exception when insufficient_privilege then
      get stacked diagnostics refusal = message_text, refusal_hint = pg_exception_hint;
      return query select 'policy_error', format('A policy refused: %s.', refusal), nullif(refusal_hint, '');
      refused := true;
    end;
    -- Those of tenancy.protect() have said no above, in plainer words.
    select coalesce(jsonb_agg(distinct r), '[]') into refusing
      from jsonb_array_elements(refusing) r
     where not (named and starts_with(r ->> 'policy', 'tenancy_'));
    return query select * from tenancy.policy_reasons(table_name, refusing);
    if found then
      refused := true;
      if left_out is not null then
        return query select 'not_tried',
          format('The defaults of %s are computed in the write; they were taken as NULL.', left_out), 'Give their values in new_row.';
      end if;
    end if;
  end if;

  if not refused then
    return query select 'allowed',
      concat_ws(' ', format('No missing right and no policy refuses the %s.', command), situation.not_held, not_tried,
                'Constraints and triggers were not tried.'), null;
  end if;
  if situation.kind is null then
    return query select 'not_protected', 
      format('tenancy.protect() does not cover %s: who may write it writes rows of all tenants, unless other policies say no.', table_name),
      format('select * from tenancy.protect(%L) as its owner.', table_name::text);
  end if;
end
$function$;
comment on function tenancy.why_write(regclass, jsonb, jsonb) is
  'why an INSERT (new_row), UPDATE (new_row with the changed columns, and old_key) or DELETE (NULL, old_key) is refused or allowed; changes nothing';

revoke execute on function
  tenancy.plain_defaults(regclass, jsonb), tenancy.why_write(regclass, jsonb, jsonb)
from public;
grant execute on function
  tenancy.plain_defaults(regclass, jsonb), tenancy.why_write(regclass, jsonb, jsonb)
to public;
-- The isolation suite, part one: acting as somebody else, and making rows that the constraints of a table accept.
-- Whatever may run code of a table's owner (defaults, domains, checks, triggers, casts) runs as that owner inside
-- tenancy.try_as_owner(), never as the superuser who may have called the suite. All of it happens in subtransactions
-- that tenancy.isolation_tests() rolls back.

create function tenancy.try_as_tenant(tenant text, user_id text, statement text, out rows bigint, out value text)
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_try_as_tenant';
comment on function tenancy.try_as_tenant(text, text, text) is
  'internal: runs one statement as tenancy_user with this context, which ends with it; user NULL: without a context';

create function tenancy.try_as_owner(table_name regclass, tenant text, user_id text, statement text, exempt boolean,
                                     out rows bigint, out value text)
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_try_as_owner';
comment on function tenancy.try_as_owner(regclass, text, text, text, boolean) is
  'internal: runs one statement as the owner of a table, in the way that a trial runs; exempt: row security is not forced on it';

-- ---------------------------------------------------------------- the hook
create table tenancy.isolation_value (
  relation regclass not null constraint isolation_value_pkey primary key,
  rows jsonb not null
);
comment on table tenancy.isolation_value is 'values that tenancy.isolation_tests() takes for the rows it makes; written by tenancy.isolation_rows()';
comment on column tenancy.isolation_value.relation is 'table';
comment on column tenancy.isolation_value.rows is 'array of objects, column to value; taken in turn';
revoke all on tenancy.isolation_value from public;
grant select on tenancy.isolation_value to pg_database_owner;
select pg_catalog.pg_extension_config_dump('tenancy.isolation_value', '');

create function tenancy.isolation_rows(table_name regclass, variadic rows jsonb[] default '{}') returns void
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  unrecognized text;
begin
  if not exists (select from pg_class c where c.oid = table_name) then
    raise exception using errcode = 'undefined_table', message = 'table does not exist';
  end if;
  if exists (select from unnest(rows) r where jsonb_typeof(r) is distinct from 'object') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a row is a JSON object',
      hint = 'select tenancy.isolation_rows(''s.t'', ''{"column": "value"}'', ''{"column": "another value"}'')';
  end if;
  select k into unrecognized
    from unnest(rows) r cross join jsonb_object_keys(r) k
   where not exists (select from pg_attribute a where a.attrelid = table_name and a.attname = k and a.attnum > 0 and not a.attisdropped)
   limit 1;
  if found then
    raise exception using
      errcode = 'undefined_column',
      message = format('table %s has no column %I', table_name, unrecognized),
      hint = 'Name the columns as pg_attribute does, without quotes of SQL.';
  end if;
  delete from tenancy.isolation_value v where v.relation = table_name;
  insert into tenancy.isolation_value select table_name, to_jsonb(rows) where cardinality(rows) > 0;
end
$function$;
comment on function tenancy.isolation_rows(regclass, jsonb[]) is
  'tells tenancy.isolation_tests() values for columns that it cannot make up, one JSON object for each row, taken in turn; without rows: forgets them';

-- ---------------------------------------------------------------- trials
-- A trial that leaves nothing: what it did is rolled back, what came out is told. witness is a statement that finds the
-- attacked row as its table's owner; touched tells that it does not any more.
-- elsewhere: the error comes from a trigger or function that the statement has called, not from the statement itself.
create function tenancy.isolation_try(relation regclass, tenant text, user_id text, statement text, witness text, as_owner boolean,
                                      out code text, out rows bigint, out value text, out message text, out touched boolean, out elsewhere boolean)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  context text;
begin
  touched := false;
  elsewhere := false;
  begin
    if as_owner then
      select t.rows, t.value into rows, value from tenancy.try_as_owner(relation, tenant, user_id, statement, false) t;
    else
      select t.rows, t.value into rows, value from tenancy.try_as_tenant(tenant, user_id, statement) t;
    end if;
    if witness is not null then
      select t.rows = 0 into touched from tenancy.try_as_owner(relation, null, null, witness, true) t;
    end if;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      code := case when rows is null then sqlstate else '00000' end; -- a trigger may know the word, too
    when others then
      get stacked diagnostics code = returned_sqlstate, message = message_text, context = pg_exception_context;
      elsewhere := not starts_with(context, 'SQL statement "' || left(statement, 60));
  end;
end
$function$;
comment on function tenancy.isolation_try(regclass, text, text, text, text, boolean) is 'internal: one trial, rolled back, with its outcome';

-- ---------------------------------------------------------------- rows
create function tenancy.isolation_quoted(relation regclass) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation
$function$;
comment on function tenancy.isolation_quoted(regclass) is 'internal: the schema-qualified name of a relation, for any search_path';
-- The isolation suite, part two: rows that the constraints of a table accept, made from what the catalog says.

-- Values worth trying for a column, as text: what its checks and its partitions name, then what usual checks ask for.
-- Fresh ones come first where a unique key wants them. Those that the column's type does not take are left out.
create function tenancy.isolation_candidates(relation regclass, attribute int2, serial int) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  base oid;
  wanted pg_attribute;
  category "char";
  definitions text;
  literals text[];
  numbers numeric[];
  fresh text[];
  common text[];
  is_unique boolean;
  longest int;
  result text[];
begin
  select a.* into strict wanted from pg_attribute a where a.attrelid = relation and a.attnum = attribute;
  select exists (select from pg_index i where i.indrelid = relation and i.indisunique and attribute = any (i.indkey::int2[])) into is_unique;

  with recursive chain (type, of_type, modifier) as (
    select t.oid, t.typbasetype, coalesce(nullif(wanted.atttypmod, -1), t.typtypmod) from pg_type t where t.oid = wanted.atttypid
    union all
    select t.oid, t.typbasetype, coalesce(nullif(chain.modifier, -1), t.typtypmod) from chain join pg_type t on t.oid = chain.of_type and chain.of_type <> 0
  )
  select min(c.type) filter (where c.of_type = 0), max(c.modifier) - 4,
         coalesce((select string_agg(pg_get_constraintdef(k.oid), ' ')
                     from pg_constraint k where k.contypid in (select h.type from chain h)), '')
    into base, longest, definitions
    from chain c;
  select t.typcategory into category from pg_type t where t.oid = base;
  definitions := definitions || ' ' || coalesce(
    (select string_agg(pg_get_constraintdef(k.oid), ' ') from pg_constraint k
      where k.conrelid = relation and k.contype = 'c' and attribute = any (k.conkey)), '');
  -- The bound of a partition is as good as a check for the columns of the key.
  definitions := definitions || ' ' || coalesce(
    (select string_agg(b.bound, ' ')
       from (select pg_get_expr(c.relpartbound, c.oid) as bound
               from pg_class c
              where c.relpartbound is not null
                and (c.oid in (select p.relid from pg_partition_ancestors(relation) p)
                     or c.oid in (select i.inhrelid from pg_inherits i where i.inhparent = relation))
                and exists (select from pg_inherits i join pg_partitioned_table pt on pt.partrelid = i.inhparent
                              join pg_attribute k on k.attrelid = i.inhparent and k.attnum = any (pt.partattrs::int2[])
                             where i.inhrelid = c.oid and k.attname = wanted.attname)
              limit 50) b), '');

  select coalesce(array_agg(distinct replace(m[1], '''''', '''')), '{}') into literals
    from regexp_matches(definitions, '''((?:[^'']|'''')*)''', 'g') m;
  select coalesce(array_agg(distinct m[1]::numeric), '{}') into numbers
    from regexp_matches(regexp_replace(definitions, '''(?:[^'']|'''')*''', ' ', 'g') || ' ' ||
                        coalesce((select string_agg(l, ' ') from unnest(literals) l where l ~ '^-?\d{1,9}(\.\d{1,9})?$'), '') || ' ' ||
                        -- A regular expression that counts: ^\d{13}$
                        coalesce((select string_agg(q[1], ' ') from unnest(literals) l cross join regexp_matches(l, '\{(\d{1,3})[,}]', 'g') q), ''),
                        '(?<![\w.$"])(-?\d{1,9}(?:\.\d{1,9})?)(?![\w."])', 'g') m;

  if exists (select from pg_enum e where e.enumtypid = base) then
    select array_agg(e.enumlabel::text order by e.enumsortorder) into common from pg_enum e where e.enumtypid = base;
  elsif category = 'B' then
    common := array['false', 'true'];
  elsif base = 'int2'::regtype then
    fresh := array[(20000 + serial)::text];
    common := array['1', '0', '2', '10', '100', '-1'];
  elsif category = 'N' then
    fresh := array[(1900000000 + serial)::text, (100000 + serial)::text, (10 + serial % 90)::text, (serial % 10)::text];
    common := array['1', '0', '2', '10', '100', '1000', '0.5', '-1'];
  elsif category = 'S' then
    fresh := array['isolation ' || serial, 'isolation' || serial, 'ISOLATION-' || serial, 'isolation-' || serial || '@example.com',
                   'i' || lpad(serial::text, 5, '0'), lpad(serial::text, 5, '0'), lpad(serial::text, 2, '0'),
                   'https://example.com/' || serial, '+43123' || lpad(serial::text, 7, '0')]
             || (select coalesce(array_agg(v order by n, v), '{}')
                   from unnest(numbers) n
                   cross join lateral (select right(lpad(serial::text, n::int, '0'), n::int)) as d (digits)
                   cross join lateral (values (digits), (translate(digits, '0123456789', 'ABCDEFGHIJ')), (translate(digits, '0123456789', 'abcdefghij'))) as s (v)
                  where n between 1 and 200 and n = trunc(n));
    common := (select coalesce(array_agg(repeat(c, n::int) order by n, c), '{}')
                 from unnest(numbers) n cross join unnest(array['a', 'A', '1']) c where n between 1 and 200 and n = trunc(n))
              || array['a', 'A', 'aa', 'AA', 'aaa', 'AAA', '1', '12345', 'A-1', 'Aa1', 'a b'];
  elsif base in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) then
    fresh := array[(current_date + serial)::text];
    common := array[current_date::text, (current_date + 1)::text, (current_date + 30)::text, (current_date - 1)::text, '2000-01-01', '1990-06-15'];
  elsif base = 'uuid'::regtype then
    fresh := array[gen_random_uuid()::text];
  elsif base in ('json'::regtype, 'jsonb'::regtype) then
    common := array['{}', '[]', 'null', '"a"', '1'];
  else
    -- Whatever else there is, one of these is a value of it.
    fresh := array[format('[%s,%s)', serial * 10, serial * 10 + 5),
                   format('[%s,%s)', current_date + serial * 2, current_date + serial * 2 + 1),
                   format('10.%s.%s.%s', serial / 65536 % 256, serial / 256 % 256, serial % 256),
                   format('02:00:00:%s:%s:%s', lpad(to_hex(serial / 65536 % 256), 2, '0'), lpad(to_hex(serial / 256 % 256), 2, '0'), lpad(to_hex(serial % 256), 2, '0'))];
    common := array['10:00', '1 day', '\x00', '{}', '(0,0)', '((0,0),(1,1))', '((0,0),1)', '0', '1', 'a', 'empty', '127.0.0.1', '10.0.0.0/8',
                    (select repeat('0', greatest(longest + 4, 1)) where category = 'V'), '<a/>',
                    (select '(' || repeat(',', count(*)::int - 1) || ')' from pg_attribute a join pg_type t on t.typrelid = a.attrelid
                      where t.oid = base and a.attnum > 0 and not a.attisdropped)];
  end if;

  if category = 'N' then
    literals := literals || (select coalesce(array_agg(v::text order by n, o), '{}')
                               from unnest(numbers) n cross join lateral (values (1, n), (2, n + 1), (3, n - 1)) as s (o, v));
  end if;
  result := case when is_unique then fresh || literals || common else literals || common || fresh end;
  if base in ('varchar'::regtype, 'bpchar'::regtype) and longest > 0 then
    result := (select array_agg(left(r, longest) order by o) from unnest(result) with ordinality as u (r, o));
  end if;
  return (select array_agg(v order by o) from (
            select v, min(o) as o from unnest(result) with ordinality as u (v, o) where v is not null group by v) d);
end
$function$;
comment on function tenancy.isolation_candidates(regclass, int2, int) is 'internal: values worth trying for a column that has no other';

-- Inserts a row given as JSON and tells it as it came out, with its place.
create function tenancy.isolation_insert_sql(relation regclass, row_data jsonb, overriding text default '') returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('insert into %s as t (%s) %s select r.* from pg_catalog.jsonb_to_record(%L) as r (%s)',
                tenancy.isolation_quoted(relation), string_agg(format('%I', a.attname), ', ' order by a.attnum), overriding, row_data,
                string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum))
    from pg_attribute a
   where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and row_data ? a.attname
$function$;
comment on function tenancy.isolation_insert_sql(regclass, jsonb, text) is 'internal: the statement that inserts a row given as JSON';
-- The isolation suite, part two, continued: from values to rows.

create function tenancy.isolation_required(relation regclass, attribute int2) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select a.attnotnull or exists (
    with recursive chain (of_type, not_null) as (
      select t.typbasetype, t.typnotnull from pg_type t where t.oid = a.atttypid
      union all
      select t.typbasetype, t.typnotnull from chain join pg_type t on t.oid = chain.of_type and chain.of_type <> 0
    )
    select from chain where not_null)
    from pg_attribute a where a.attrelid = relation and a.attnum = attribute
$function$;
comment on function tenancy.isolation_required(regclass, int2) is 'internal: whether a column takes no NULL, by itself or by its domain';

-- A row of the tenant that is there already and has these values; NULL when there is none.
create function tenancy.isolation_find(relation regclass, tenant text, fixed jsonb) returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select (tenancy.try_as_owner(relation, null, null, format(
           'select pg_catalog.jsonb_build_object(''row'', pg_catalog.to_jsonb(t.*), ''table'', t.tableoid::bigint, ''ctid'', t.ctid)::text from %s t where true%s limit 1',
           tenancy.isolation_quoted(relation),
           (select string_agg(case jsonb_typeof(c.value) when 'null' then format(' and t.%I is null', c.key)
                                   else format(' and t.%I = %L', c.key, c.value #>> '{}') end, '')
              from jsonb_each(coalesce((select jsonb_build_object(p.tenant_column, tenant) from tenancy.protection p
                                         where p.relation = isolation_find.relation and p.kind = 'tenant'), '{}') || fixed) c)),
         true)).value::jsonb
$function$;
comment on function tenancy.isolation_find(regclass, text, jsonb) is 'internal: a row of a tenant that is there already';

-- A new row with these values, made as the owner of the table. Values come, in this order, from the caller, from
-- tenancy.isolation_rows(), from rows of the parents, and from what the catalog says about the column. What a
-- constraint refuses is changed, as in an odometer, until the row is accepted or the values run out.
create function tenancy.isolation_make(relation regclass, tenant text, user_id text, fixed jsonb, depth int,
                                       out made jsonb, out complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := relation::text;
  registered constant jsonb := coalesce((select v.rows from tenancy.isolation_value v where v.relation = isolation_make.relation), '[]');
  turn int := 0;
  given jsonb;
  parents jsonb;
  fresh_parents boolean := false;
  serial int := 1 + (random() * 9000)::int;
  wanted int2[];
  candidates jsonb := '{}';
  positions jsonb := '{}';
  choice jsonb;
  violated int2[];
  movable int2[];
  attribute record;
  code text;
  message text;
  at_constraint text;
  at_schema text;
  at_table text;
  at_column text;
  at_type text;
begin
  if depth > 8 then
    complaint := format('%s: its parents go round in a circle', name);
    return;
  end if;
  fixed := coalesce((select jsonb_build_object(p.tenant_column, tenant) from tenancy.protection p
                      where p.relation = isolation_make.relation and p.kind = 'tenant'), '{}') || fixed;
  -- Sequences are not rolled back: their columns get values of their own.
  select array_agg(a.attnum) into wanted
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     and (tenancy.isolation_required(a.attrelid, a.attnum) and d.oid is null or a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\('
          -- Outside of a context its default is an error.
          or pg_get_expr(d.adbin, d.adrelid) ~ '^tenancy\.');

  for attempt in 1..300 loop
    if parents is null then
      given := case when jsonb_array_length(registered) > 0 then registered -> turn else '{}' end || fixed;
      select f.columns, f.complaint into parents, complaint
        from tenancy.isolation_parents(relation, tenant, user_id, given, fresh_parents, depth) f;
      if complaint is not null then
        return;
      end if;
      given := parents || given;
    end if;

    choice := '{}';
    for attribute in
      select a.attnum, a.attname, a.atttypid, a.atttypmod, t.typtype, t.typcategory
        from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = relation and a.attnum = any (wanted) and not given ? a.attname
    loop
      if not candidates ? attribute.attname then
        candidates := candidates || jsonb_build_object(attribute.attname, (
          select coalesce(jsonb_agg(c.v order by c.o), '[]')
            from unnest(tenancy.isolation_candidates(relation, attribute.attnum, serial)) with ordinality as c (v, o)
           where attribute.typtype = 'b' and attribute.typcategory in ('S', 'B') or attribute.typtype = 'e'
              or (tenancy.isolation_try(relation, null, null, format('select %L::%s', c.v, format_type(attribute.atttypid, attribute.atttypmod)),
                                        null, true)).code = '00000'));
      end if;
      if jsonb_array_length(candidates -> attribute.attname) = 0 then
        complaint := format('%s: no value is known for column %I of type %s; %s', name, attribute.attname,
                            format_type(attribute.atttypid, attribute.atttypmod), tenancy.isolation_advice(relation, array[attribute.attnum]));
        return;
      end if;
      choice := choice || jsonb_build_object(attribute.attname,
                candidates -> attribute.attname -> (coalesce((positions ->> attribute.attname)::int, 0) % jsonb_array_length(candidates -> attribute.attname)));
    end loop;

    begin
      select t.value::jsonb into made
        from tenancy.try_as_owner(relation, tenant, user_id,
               tenancy.isolation_insert_sql(relation, choice || given, 'overriding system value') ||
               ' returning pg_catalog.jsonb_build_object(''row'', pg_catalog.to_jsonb(t.*), ''table'', t.tableoid::bigint, ''ctid'', t.ctid)::text', true) t;
      if made is null then
        complaint := format('%s: a trigger or rule took the row away', name);
      end if;
      return;
    exception when others then
      get stacked diagnostics code = returned_sqlstate, message = message_text, at_constraint = constraint_name, at_schema = schema_name,
                              at_table = table_name, at_column = column_name, at_type = pg_datatype_name;
    end;

    -- Which columns does the refusal speak of? At a partition they are known by their names.
    select array_agg(distinct own.attnum) into violated
      from pg_attribute own
     where own.attrelid = relation and own.attnum > 0 and not own.attisdropped
       and case
         when code = '23502' then own.attname = at_column
         when at_constraint <> '' and at_table <> '' then own.attname in (
           select a.attname from pg_constraint k join pg_class c on c.oid = k.conrelid and c.relname = at_table
             join pg_namespace n on n.oid = c.relnamespace and n.nspname = at_schema
             join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
            where k.conname = at_constraint
           union
           select a.attname from pg_class ic join pg_namespace n on n.oid = ic.relnamespace and n.nspname = at_schema
             join pg_index i on i.indexrelid = ic.oid
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
            where ic.relname = at_constraint)
         when at_type <> '' then own.atttypid in (select t.oid from pg_type t where t.typname = at_type)
         when code = '23514' then own.attname in (
           select a.attname from pg_partitioned_table pt join pg_attribute a on a.attrelid = pt.partrelid and a.attnum = any (pt.partattrs::int2[])
            where pt.partrelid = relation or pt.partrelid in (select i.inhparent from pg_inherits i where i.inhrelid = relation)
               or pt.partrelid in (select p.relid from pg_partition_ancestors(relation) p))
         else code ~ '^22' and own.attnum = any (wanted)
       end;
    select array_agg(a.attnum order by a.attnum) into movable
      from pg_attribute a where a.attrelid = relation and a.attnum = any (violated) and not given ? a.attname;

    if code in ('23505', '23P01') then
      serial := serial + 1;
      if turn + 1 < jsonb_array_length(registered) then
        turn := turn + 1;
        parents := null;
      elsif movable is null and not fresh_parents and exists (
          select from pg_attribute a where a.attrelid = relation and a.attnum = any (violated) and parents ? a.attname and not fixed ? a.attname) then
        fresh_parents := true;
        parents := null;
      elsif movable is null then
        exit;
      end if;
      candidates := candidates - (select coalesce(array_agg(a.attname::text), '{}') from pg_attribute a
                                   where a.attrelid = relation and a.attnum = any (movable));
      continue when attempt % 8 <> 0; -- fresh values first; now and then another kind of value
    elsif movable is null then
      exit;
    end if;
    for attribute in select a.attnum, a.attname from pg_attribute a where a.attrelid = relation and a.attnum = any (movable) order by a.attnum loop
      if not attribute.attnum = any (wanted) then
        wanted := wanted || attribute.attnum;
        exit;
      end if;
      positions := jsonb_set(positions, array[attribute.attname::text], to_jsonb(coalesce((positions ->> attribute.attname)::int, 0) + 1));
      exit when (positions ->> attribute.attname)::int % greatest(coalesce(jsonb_array_length(candidates -> attribute.attname), 1), 1) <> 0;
      -- Once round: the next time with other fresh values.
      serial := serial + 1;
      candidates := candidates - attribute.attname::text;
    end loop;
  end loop;
  complaint := format('%s: no row could be made: %s (%s)%s; %s', name, message, code,
                      coalesce((select ', ' || pg_get_constraintdef(k.oid) from pg_constraint k
                                 where k.conname = at_constraint and k.conrelid = relation), ''),
                      tenancy.isolation_advice(relation, violated));
end
$function$;
comment on function tenancy.isolation_make(regclass, text, text, jsonb, int) is 'internal: makes a row that the constraints of a table accept, or says which columns want a value';

create function tenancy.isolation_advice(relation regclass, attributes int2[]) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('write values for two rows: select tenancy.isolation_rows(%L, %L, %L);', relation::text, sample.one, sample.one)
    from (select coalesce('{' || string_agg(format('%s: "…"', to_jsonb(a.attname::text)), ', ' order by a.attnum) || '}', '{"column": "…"}') as one
            from pg_attribute a where a.attrelid = relation and a.attnum = any (attributes)) sample
$function$;
comment on function tenancy.isolation_advice(regclass, int2[]) is 'internal: the call of tenancy.isolation_rows() that helps';

-- The values of the foreign key columns: from rows of the parents in the same tenant, found or made.
create function tenancy.isolation_parents(relation regclass, tenant text, user_id text, given jsonb, fresh boolean, depth int,
                                          out columns jsonb, out complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  foreign_key record;
  known jsonb;
  parent jsonb;
begin
  columns := '{}';
  for foreign_key in
    select k.confrelid::regclass as parent,
           (select array_agg(a.attname::text order by u.o) from unnest(k.conkey) with ordinality as u (attnum, o)
              join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum) as own,
           (select array_agg(a.attname::text order by u.o) from unnest(k.confkey) with ordinality as u (attnum, o)
              join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum) as referenced,
           (select bool_and(tenancy.isolation_required(a.attrelid, a.attnum) or given ? a.attname) from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey)) as needed
      from pg_constraint k
     where k.conrelid = relation and k.contype = 'f' and k.confrelid <> relation
       and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid = k.conrelid)
     order by cardinality(k.conkey), k.oid
  loop
    continue when not foreign_key.needed;
    select coalesce(jsonb_object_agg(r, (columns || given) -> o), '{}') into known
      from unnest(foreign_key.own, foreign_key.referenced) as u (o, r) where (columns || given) ? o;
    continue when exists (select from jsonb_each(known) e where jsonb_typeof(e.value) = 'null');
    parent := null;
    if not fresh or (columns || given) ?& foreign_key.own then
      parent := tenancy.isolation_find(foreign_key.parent, tenant, known);
    end if;
    if parent is null then
      select m.made, m.complaint into parent, complaint
        from tenancy.isolation_make(foreign_key.parent, tenant, user_id, known, depth + 1) m;
      if complaint is not null then
        return;
      end if;
    end if;
    select columns || coalesce(jsonb_object_agg(o, parent -> 'row' -> r), '{}') into columns
      from unnest(foreign_key.own, foreign_key.referenced) as u (o, r);
  end loop;
end
$function$;
comment on function tenancy.isolation_parents(regclass, text, text, jsonb, boolean, int) is 'internal: values of foreign key columns, from parents in the same tenant';
-- The isolation suite, part three: the probes, the counter-measures that are taken away, and the lines of TAP.
-- Everything that runs here itself is DDL and catalog queries; what runs code of others goes through the trials.

-- harmless is the same statement on no row: where it is refused as well, a trigger of the statement speaks, not of a row.
create type tenancy.isolation_probe as (
  title text,
  kind text,
  relation regclass,
  tenant_column name,
  view regclass,
  tenant text,
  user_id text,
  statement text,
  harmless text,
  witness text,
  victim jsonb,
  victim_tenant text,
  victim_user text
);
comment on type tenancy.isolation_probe is 'internal: one attempt of a tenant at what is not its own';
create type tenancy.isolation_line as (ok boolean, title text, notes text[], skipped text);
comment on type tenancy.isolation_line is 'internal: a line of TAP before it has a number';
revoke usage on type tenancy.isolation_probe, tenancy.isolation_line from public;

create function tenancy.isolation_told(ok boolean, title text, notes text[] default null, skipped text default null) returns tenancy.isolation_line
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$ select row(ok, title, notes, skipped)::tenancy.isolation_line $function$;
comment on function tenancy.isolation_told(boolean, text, text[], text) is 'internal: a line of TAP';

-- Views over a relation, at any depth, that tenants may read.
create function tenancy.isolation_views(relation regclass) returns setof regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive above (relation) as (
    select isolation_views.relation::oid
    union
    select r.ev_class
      from above
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = above.relation and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid
      join pg_class c on c.oid = r.ev_class and c.relkind = 'v'
  )
  select a.relation::regclass
    from above a join pg_class c on c.oid = a.relation and c.relkind = 'v'
   where has_any_column_privilege('tenancy_user', a.relation, 'select')
     and has_schema_privilege('tenancy_user', c.relnamespace, 'usage')
$function$;
comment on function tenancy.isolation_views(regclass) is 'internal: views over a relation that tenants may read';

-- A copy of a row with other values in the columns that make it unique by themselves.
create function tenancy.isolation_copy(relation regclass, original jsonb) returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select original || coalesce(jsonb_object_agg(a.attname, (tenancy.isolation_candidates(relation, a.attnum, 1 + (random() * 9000)::int))[1]), '{}')
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join tenancy.protection p on p.relation = isolation_copy.relation
   where a.attrelid = isolation_copy.relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\(' or a.atttypid = 'uuid'::regtype)
     and a.attnum is distinct from p.tenant_attnum and a.attnum is distinct from p.owner_attnum
     and exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and a.attnum = any (i.indkey::int2[]))
     and not exists (select from pg_constraint k where k.conrelid = a.attrelid and k.contype = 'f' and a.attnum = any (k.conkey))
$function$;
comment on function tenancy.isolation_copy(regclass, jsonb) is 'internal: a row with fresh keys';

-- What a tenant tries on one relation to get at a row that is not its own; whole: with the probes that partitions are
-- spared, which have the same policies in the same tree.
create function tenancy.isolation_probes(protected tenancy.protection, whose text, own jsonb, victim jsonb, tenant text, user_id text,
                                         readable boolean, whole boolean)
  returns setof tenancy.isolation_probe
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  target constant text := tenancy.isolation_quoted(protected.relation);
  -- Something to assign in an update: the tenant where that is possible, or whatever column there is.
  column_name constant name := (
    select a.attname from pg_attribute a where a.attrelid = protected.relation and a.attnum > 0 and not a.attisdropped
       and a.attgenerated = '' and a.attidentity <> 'a' order by a.attname = protected.tenant_column desc nulls last, a.attnum limit 1);
  changed constant name := case whose when 'another user' then protected.owner_column else protected.tenant_column end;
  at_victim constant text := format('t.tableoid = %s and t.ctid = %L', victim ->> 'table', victim ->> 'ctid');
  at_own constant text := format('t.tableoid = %s and t.ctid = %L', own ->> 'table', own ->> 'ctid');
  of_victim constant text := case
    when protected.tenant_column is null then 'true'
    when whose = 'all tenants' then format('t.%I is null', protected.tenant_column)
    when whose = 'another user' then format('t.%I = %L and t.%I = %L', protected.tenant_column, tenant, protected.owner_column,
                                            victim #>> array['row', protected.owner_column::text])
    else format('t.%I = %L', protected.tenant_column, victim #>> array['row', protected.tenant_column::text])
  end;
  witness constant text := format('select 1 from %s t where %s', target, at_victim);
  key_columns name[];
  copy jsonb := victim -> 'row';
  probe tenancy.isolation_probe;
begin
  probe.relation := protected.relation;
  probe.tenant_column := protected.tenant_column;
  probe.tenant := tenant;
  probe.user_id := user_id;
  probe.kind := 'tenant';
  probe.victim := victim;
  probe.victim_tenant := victim #>> array['row', protected.tenant_column::text];
  probe.victim_user := coalesce(victim #>> array['row', protected.owner_column::text], user_id);

  if readable is false then
    probe.title := format('a row of %s is not read', whose);
    probe.statement := format('select 1 from %s t where %s limit 1', target, of_victim);
    return next probe;
    if whole then
      if whose = 'another tenant' then
        probe.title := 'nothing but one''s own is seen in a scan';
        probe.statement := format('select 1 from %s t where (t.%I = %L%s) is not true%s limit 1', target, protected.tenant_column, tenant,
          case when protected.owner_column is not null then format(' and t.%I = %L', protected.owner_column, own #>> array['row', protected.owner_column::text]) end,
          case when protected.shared then format(' and t.%I is not null', protected.tenant_column) end);
        return next probe;
      end if;
      probe.kind := 'prepared';
      probe.title := format('a row of %s is not read with a plan that its owner has prepared', whose);
      probe.statement := format('select 1 from %s t where %s limit 1', target, of_victim);
      return next probe;
      probe.kind := 'parallel';
      probe.title := format('a row of %s is not read with a parallel plan', whose);
      return next probe;
    end if;
  end if;

  probe.kind := 'tenant';
  probe.title := format('a row of %s is not inserted', whose);
  probe.statement := tenancy.isolation_insert_sql(protected.relation, victim -> 'row');
  return next probe;
  if column_name is not null then
    probe.title := format('a row of %s is not updated', whose);
    probe.statement := format('update %s t set %I = t.%I where %s', target, column_name, column_name, at_victim);
    probe.harmless := format('update %s t set %I = t.%I where false', target, column_name, column_name);
    return next probe;
    probe.harmless := null;
  end if;
  -- A key that is always generated cannot be moved by anybody.
  if changed is not null and own is not null and not exists (
      select from pg_attribute a where a.attrelid = protected.relation and a.attname = changed and (a.attidentity = 'a' or a.attgenerated <> '')) then
    probe.title := format('a row is not moved to %s', whose);
    probe.statement := format('update %s t set %I = %L where %s', target, changed, victim #>> array['row', changed::text], at_own);
    return next probe;
  end if;
  probe.title := format('a row of %s is not deleted', whose);
  probe.statement := format('delete from %s t where %s', target, at_victim);
  probe.harmless := format('delete from %s t where false', target);
  return next probe;
  probe.harmless := null;
  if not whole or column_name is null then
    return;
  end if;

  probe.witness := witness;
  select array_agg(a.attname order by u.o) into key_columns
    from (select i.indkey from pg_index i
           where i.indrelid = protected.relation and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
           order by i.indisprimary desc, i.indexrelid limit 1) i
   cross join unnest(i.indkey::int2[]) with ordinality as u (attnum, o)
    join pg_attribute a on a.attrelid = protected.relation and a.attnum = u.attnum;
  if key_columns is not null then
    if protected.tenant_column is not null and not protected.tenant_column = any (key_columns) then
      copy := copy || jsonb_build_object(protected.tenant_column, tenant);
    end if;
    if whose = 'another user' and not protected.owner_column = any (key_columns) then
      copy := copy || jsonb_build_object(protected.owner_column, user_id);
    end if;
    probe.title := format('a row of %s is not taken over with ON CONFLICT', whose);
    probe.statement := tenancy.isolation_insert_sql(protected.relation, copy)
      || format(' on conflict (%s) do update set %I = excluded.%I', (select string_agg(quote_ident(k), ', ') from unnest(key_columns) k), column_name, column_name);
    return next probe;
  end if;
  if current_setting('server_version_num')::int >= 150000 then
    probe.title := format('a row of %s is not changed with MERGE', whose);
    probe.statement := format('merge into %s t using (select 1) s on (%s) when matched then update set %I = t.%I', target, at_victim, column_name, column_name);
    probe.harmless := format('merge into %s t using (select 1) s on (false) when matched then update set %I = t.%I', target, column_name, column_name);
    return next probe;
  end if;
end
$function$;
comment on function tenancy.isolation_probes(tenancy.protection, text, jsonb, jsonb, text, text, boolean, boolean) is 'internal: the probes of one relation and one row that is not the tenant''s';

-- What is in a view, as one value; and whether it changes when a row of another tenant goes or comes.
create function tenancy.isolation_view_outcome(probe tenancy.isolation_probe, out outcome text, out note text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  before text;
  after text;
begin
  begin
    select t.value into before from tenancy.try_as_tenant(probe.tenant, probe.user_id, probe.statement) t;
    -- The row goes; or, where children hold it, one more comes; or, where there can be no other, one of a third tenant.
    for way in 1..3 loop
      begin
        if way < 3 then
          perform tenancy.try_as_owner(probe.relation, probe.victim_tenant, probe.victim_user, case way
            when 1 then format('delete from %s t where t.tableoid = %s and t.ctid = %L', tenancy.isolation_quoted(probe.relation),
                               probe.victim ->> 'table', probe.victim ->> 'ctid')
            else tenancy.isolation_insert_sql(probe.relation, tenancy.isolation_copy(probe.relation, probe.victim -> 'row')) end, true);
          exit;
        end if;
        -- The column is named, for without the policies the catalog does not tell it.
        perform tenancy.isolation_make(probe.relation, i.third, probe.victim_user, jsonb_build_object(probe.tenant_column, i.third), 0)
           from (select tenancy.isolation_invented(a.attrelid, a.attnum, 4) as third from pg_attribute a
                  where a.attrelid = probe.relation and a.attname = probe.tenant_column) i;
      exception when others then
        null; -- the next way
      end;
    end loop;
    select t.value into after from tenancy.try_as_tenant(probe.tenant, probe.user_id, probe.statement) t;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      outcome := case when before is null or after is null then 'unclear' when before <> after then 'leaked' else 'held' end;
    when insufficient_privilege then
      outcome := 'held';
    when others then
      outcome := 'unclear';
      note := format('%s (%s)', sqlerrm, sqlstate);
  end;
end
$function$;
comment on function tenancy.isolation_view_outcome(tenancy.isolation_probe) is 'internal: whether a view tells of a row of another tenant';

-- Outcome of a probe as things are now: held, leaked, or unclear.
create function tenancy.isolation_outcome(probe tenancy.isolation_probe, out outcome text, out note text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  trial record;
begin
  if probe.kind = 'view' then
    select v.outcome, v.note into outcome, note from tenancy.isolation_view_outcome(probe) v;
    return;
  elsif probe.kind = 'prepared' then
    -- A prepared statement is not rolled back; the other tenant runs it first, so that its plan is the one that is kept.
    if exists (select from pg_prepared_statements s where s.name = 'tenancy_isolation') then
      deallocate tenancy_isolation;
    end if;
    perform set_config('plan_cache_mode', 'force_generic_plan', true);
    execute 'prepare tenancy_isolation as ' || probe.statement;
    perform tenancy.isolation_try(probe.relation, probe.victim_tenant, probe.victim_user, 'execute tenancy_isolation', null, false);
    trial := tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, 'execute tenancy_isolation', null, false);
    perform set_config('plan_cache_mode', 'auto', true);
    deallocate tenancy_isolation;
  elsif probe.kind = 'parallel' then
    begin
      perform tenancy.isolation_force_parallel();
      trial := tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, probe.statement, null, false);
      raise exception using errcode = 'ISO00';
    exception when sqlstate 'ISO00' then
      null;
    end;
  else
    trial := tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, probe.statement, probe.witness, probe.kind = 'owner');
  end if;

  if trial.code = '00000' then
    -- Taking over may have inserted a row of one's own instead: then the attacked row tells.
    outcome := case when trial.touched or probe.kind = 'command' or probe.witness is null and trial.rows > 0 then 'leaked' else 'held' end;
  elsif trial.elsewhere then
    -- A trigger of the application refused it. As things are that is as well; with a counter-measure gone it says that
    -- the policies have let the statement through to it.
    outcome := 'elsewhere';
    -- Unless it is a trigger of the attacked row: that one should never have been reached.
    if probe.harmless is not null and (tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, probe.harmless, null, false)).code = '00000' then
      outcome := 'leaked';
    end if;
  elsif trial.code in ('42501', '44000') or probe.kind = 'reference' and trial.code = '23503' then
    outcome := 'held';
  else
    outcome := 'unclear';
  end if;
  note := case when trial.code <> '00000' then format('%s (%s)', trial.message, trial.code)
               else format('%s rows', trial.rows) end;
end
$function$;
comment on function tenancy.isolation_outcome(tenancy.isolation_probe) is 'internal: runs a probe: held, elsewhere, leaked or unclear';

create function tenancy.isolation_force_parallel() returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select set_config(s.name, w.value, true)
    from (values ('parallel_setup_cost', '0'), ('parallel_tuple_cost', '0'), ('min_parallel_table_scan_size', '0'), ('min_parallel_index_scan_size', '0'),
                 ('max_parallel_workers_per_gather', '2'), ('force_parallel_mode', 'on'), ('debug_parallel_query', 'on')) as w (name, value)
    join pg_settings s on s.name = w.name
$function$;
comment on function tenancy.isolation_force_parallel() is 'internal: settings under which each readable plan becomes a parallel one, to the end of the subtransaction';
-- What operators do across tenants. Each of these needs a reason and stands in tenancy.audit_log before it begins.

-- As tenancy_gateway has it: to become these roles, in a context. NOINHERIT keeps the rights from it before; and alone,
-- without a context, the roles see nothing.
grant tenancy_user, tenancy_admin to tenancy_operator;

create function tenancy.actor() returns text
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_actor';
comment on function tenancy.actor() is
  'who really acts in the current context: the login of an operator, else the user; for audit columns; NULL without a context';

create function tenancy.bypass(reason text) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_bypass';
comment on function tenancy.bypass(text) is
  'for operators: this transaction sees all tenants, to its end; on record in tenancy.audit_log; 22023 without a reason';

create function tenancy.act_as(user_id text, tenant text, reason text, read_only boolean default true) returns void
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_act_as';
comment on function tenancy.act_as(text, text, text, boolean) is
  'for operators: this transaction sees what a user sees in a tenant, read-only unless asked, to its end; on record in tenancy.audit_log';

create function tenancy.for_each_tenant(statement text, reason text, tenants text[] default null, role text default null)
  returns table (tenant_id text, rows bigint, sqlstate text, error text)
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_for_each_tenant';
comment on function tenancy.for_each_tenant(text, text, text[], text) is
  'for operators: runs one statement for each tenant of the directory, or of a list, as that tenant and in a subtransaction of its own; tells rows or error; on record in tenancy.audit_log';

create function tenancy.job_token(tenant text, user_id text, ttl interval, purpose text) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_job_token';
comment on function tenancy.job_token(text, text, interval, text) is
  'for operators: a token that attaches as a user in a tenant for up to 24 hours, for a worker; listed in tenancy.sessions, ended by tenancy.revoke(); on record in tenancy.audit_log';

revoke execute on function
  tenancy.actor(), tenancy.bypass(text), tenancy.act_as(text, text, text, boolean),
  tenancy.for_each_tenant(text, text, text[], text), tenancy.job_token(text, text, interval, text)
from public;
grant execute on function tenancy.actor() to public;
grant execute on function
  tenancy.bypass(text), tenancy.act_as(text, text, text, boolean), tenancy.for_each_tenant(text, text, text[], text),
  tenancy.job_token(text, text, interval, text)
to tenancy_operator;
-- Who is in a context already may try, and is told 25001 instead of a missing right.
grant execute on function tenancy.bypass(text), tenancy.act_as(text, text, text, boolean) to tenancy_user, tenancy_admin;
-- The isolation suite, part four: the counter-measures of a table, taken away one after the other.

-- Runs probes under a change that is rolled back. Answers the titles of those whose outcome is not the wanted one.
create function tenancy.isolation_under(changes text[], probes tenancy.isolation_probe[], want_held boolean, out wrong text[], out failure text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  change text;
  probe tenancy.isolation_probe;
  result record;
begin
  wrong := '{}';
  begin
    foreach change in array changes loop
      execute change;
    end loop;
    foreach probe in array probes loop
      result := tenancy.isolation_outcome(probe);
      if (result.outcome = 'held' or want_held and result.outcome = 'elsewhere') <> want_held then
        wrong := wrong || format('%s: %s', probe.relation, probe.title);
      end if;
    end loop;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      null;
    when others then
      failure := format('%s (%s)', sqlerrm, sqlstate);
  end;
end
$function$;
comment on function tenancy.isolation_under(text[], tenancy.isolation_probe[], boolean) is 'internal: the probes that do not come out as wanted while a counter-measure is away';

create function tenancy.isolation_verdict(name text, measure text, blind text[], failure text) returns tenancy.isolation_line
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select tenancy.isolation_told(blind = '{}' and failure is null,
    case when failure is not null then format('%s: %s can be taken away for a test', name, measure)
         when blind = '{}' then format('%s: without %s the suite notices', name, measure)
         else format('%s: the suite would not notice that %s is gone', name, measure) end,
    array[failure] || blind)
$function$;
comment on function tenancy.isolation_verdict(text, text, text[], text) is 'internal: the line about a counter-measure that was taken away: blind are the probes that noticed nothing';

-- A probe as things are, and once more without what stops it. Some rights only a superuser can grant.
create function tenancy.isolation_pair(name text, probe tenancy.isolation_probe, changes text[], measure text) returns tenancy.isolation_line[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  result record;
  lines tenancy.isolation_line[];
begin
  result := tenancy.isolation_outcome(probe);
  lines := array[tenancy.isolation_told(result.outcome in ('held', 'elsewhere'), format('%s: %s', name, probe.title), array[format('%s: %s', result.outcome, result.note), probe.statement])];
  if changes is null then
    return lines;
  end if;
  if changes[1] like 'grant pg\_%' and not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    return lines || tenancy.isolation_told(true, format('%s: without %s the suite notices', name, measure), null, 'only a superuser can try');
  end if;
  result := tenancy.isolation_under(changes, array[probe], false);
  return lines || tenancy.isolation_verdict(name, measure, result.wrong, result.failure);
end
$function$;
comment on function tenancy.isolation_pair(text, tenancy.isolation_probe, text[], text) is 'internal: a probe with and without its counter-measure';

-- All relations under a view.
create function tenancy.isolation_under_view(view regclass) returns setof regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive below (relation) as (
    select view::oid
    union
    select d.refobjid
      from below join pg_rewrite r on r.ev_class = below.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
  )
  select b.relation::regclass from below b
$function$;
comment on function tenancy.isolation_under_view(regclass) is 'internal: the relations that a view reads';

create function tenancy.isolation_rights(relations regclass[]) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select array(select format('grant select, insert, update, delete on %s to tenancy_user', tenancy.isolation_quoted(r)) from unnest(relations) r)
      || array(select distinct format('grant usage on schema %I to tenancy_user', n.nspname)
                 from unnest(relations) r join pg_class c on c.oid = r join pg_namespace n on n.oid = c.relnamespace
                where not has_schema_privilege('tenancy_user', n.oid, 'usage'))
$function$;
comment on function tenancy.isolation_rights(regclass[]) is 'internal: statements that give tenants all rights on rows';

create function tenancy.isolation_open(relations regclass[]) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select tenancy.isolation_rights(relations)
      || array(select format('drop policy %I on %s', p.polname, tenancy.isolation_quoted(p.polrelid)) from pg_policy p
                where p.polrelid = any (relations) and p.polname like 'tenancy\_%')
      || array(select format('create policy tenancy_isolation_open on %s using (true) with check (true)', tenancy.isolation_quoted(r)) from unnest(relations) r)
$function$;
comment on function tenancy.isolation_open(regclass[]) is 'internal: statements that put a policy in the place of the extension''s which lets all through';

-- The probes of the rows as things are, and without what holds them: what notices nothing then, shows nothing now.
create function tenancy.isolation_measures(protected tenancy.protection, probes tenancy.isolation_probe[]) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  tree constant regclass[] := array(select c from tenancy.with_children(protected.relation) c);
  on_rows constant tenancy.isolation_probe[] := array(select p from unnest(probes) p where p.kind <> 'view');
  selected tenancy.isolation_probe[];
  held tenancy.isolation_probe[] := '{}';
  probe tenancy.isolation_probe;
  blind boolean;
  result record;
begin
  foreach probe in array probes loop
    result := tenancy.isolation_outcome(probe);
    if result.outcome in ('held', 'elsewhere') then
      held := held || probe;
    end if;
    -- A view joins other tables: it shows what it would tell when all of them are open.
    blind := false;
    if probe.kind = 'view' then
      select u.wrong <> '{}' or u.failure is not null into blind
        from tenancy.isolation_under(tenancy.isolation_open(array(
               select c from tenancy.isolation_under_view(probe.view) v join pg_policy p on p.polrelid = v and p.polname = 'tenancy_tenant'
                cross join tenancy.with_children(v) c group by c)), array[probe], false) u;
    end if;
    return next tenancy.isolation_told(result.outcome in ('held', 'elsewhere'), format('%s: %s', probe.relation, probe.title),
      array[format('%s: %s', result.outcome, result.note), probe.statement],
      case when result.outcome = 'held' and blind then 'a row more or less changes nothing in it'
           when result.outcome = 'elsewhere' then 'the application refuses it itself' end);
  end loop;

  result := tenancy.isolation_under(tenancy.isolation_open(tree), on_rows, false);
  return next tenancy.isolation_verdict(name, 'its policies', result.wrong, result.failure);
  result := tenancy.isolation_under(tenancy.isolation_rights(tree)
    || array(select format('alter table %s disable row level security', tenancy.isolation_quoted(c)) from unnest(tree) c), on_rows, false);
  return next tenancy.isolation_verdict(name, 'its row security', result.wrong, result.failure);
  if protected.kind <> 'tenant' then
    return;
  end if;

  selected := array(select p from unnest(held) p where p.kind in ('tenant', 'prepared', 'parallel') and p.tenant is not null);
  result := tenancy.isolation_under(array(
    select format('create policy tenancy_isolation_careless on %s using (true) with check (true)', tenancy.isolation_quoted(c)) from unnest(tree) c), selected, true);
  return next tenancy.isolation_told(result.wrong = '{}' and result.failure is null, format('%s: a careless policy beside the others opens nothing', name),
                                     array[result.failure] || result.wrong);

  selected := array(select p from unnest(probes) p where p.kind = 'owner');
  if selected = '{}' then
    return next tenancy.isolation_told(true, format('%s: the owner of the table is held by the policies too', name), null, 'its owner is a superuser or has BYPASSRLS');
  else
    result := tenancy.isolation_under(array[format('alter table %s no force row level security', tenancy.isolation_quoted(protected.relation))], selected, false);
    return next tenancy.isolation_verdict(name, 'FORCE', result.wrong, result.failure);
  end if;
end
$function$;
comment on function tenancy.isolation_measures(tenancy.protection, tenancy.isolation_probe[]) is 'internal: lines of the probes, with and without the policies, row security and FORCE';

-- Statements that know no rows.
create function tenancy.isolation_commands(protected tenancy.protection, tenant text, user_id text) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  target constant text := tenancy.isolation_quoted(protected.relation);
  unsealed constant text := 'set local tenancy.seal = off';
  inheriting constant text := 'alter role tenancy_user inherit';
  probe tenancy.isolation_probe;
begin
  probe.relation := protected.relation;
  probe.kind := 'command';
  probe.tenant := tenant;
  probe.user_id := user_id;
  probe.title := 'it is not truncated';
  probe.statement := 'truncate ' || target;
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array[format('grant truncate on %s to tenancy_user', target), unsealed], 'the seal and the missing right to TRUNCATE')) p;
  -- The file cannot be written, and so is not, even where tenants may.
  probe.title := 'it is not copied to a file';
  probe.statement := format('copy (select * from %s) to ''/nonexistent/tenancy_isolation''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array['grant pg_write_server_files to tenancy_user', inheriting, unsealed], 'the seal and the missing right to write files')) p;
  probe.title := 'it is not copied to a program';
  probe.statement := format('copy (select * from %s) to program ''false''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe, null, null)) p;
  probe.title := 'it is not filled from a file';
  probe.statement := format('copy %s from ''/nonexistent/tenancy_isolation''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array['grant pg_read_server_files to tenancy_user', inheriting, unsealed, format('grant insert on %s to tenancy_user', target)],
    'the seal and the missing right to read files')) p;
end
$function$;
comment on function tenancy.isolation_commands(tenancy.protection, text, text) is 'internal: lines about TRUNCATE and COPY';
-- The isolation suite, part five: what a table is tried with.

-- A value for a tenant or owner column that nothing refers to.
create function tenancy.isolation_invented(relation regclass, attribute int2, number int) returns text
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select case t.typcategory when 'N' then (2000000000 + number)::text
                            when 'S' then 'isolation-' || number
                            else gen_random_uuid()::text end
    from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = relation and a.attnum = attribute
$function$;
comment on function tenancy.isolation_invented(regclass, int2, int) is 'internal: a value for a tenant or owner column that nothing refers to';

-- What the probes start from: a row of the tenant, one of another tenant, and, where rows have owners, one of another
-- user of the same tenant. The user is the owner of the tenant's row.
create function tenancy.isolation_rows_of(protected tenancy.protection, tenant text, other_tenant text, user_id text, other_user text,
                                          out own jsonb, out victim jsonb, out colleague jsonb, out acting_user text, out complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  owned jsonb := '{}';
  owner_key record;
  parent_row jsonb;
begin
  acting_user := user_id;
  if protected.owner_column is not null then
    select k.confrelid::regclass as parent, f.attname::text as referenced into owner_key
      from pg_constraint k cross join unnest(k.conkey, k.confkey) as u (own, referenced)
      join pg_attribute f on f.attrelid = k.confrelid and f.attnum = u.referenced
     where k.conrelid = protected.relation and k.contype = 'f' and u.own = protected.owner_attnum
     order by cardinality(k.conkey) desc limit 1;
    if owner_key.parent is null then
      owned := jsonb_build_object(protected.owner_column, tenancy.isolation_invented(protected.relation, protected.owner_attnum, 1));
    end if;
  end if;

  own := tenancy.isolation_find(protected.relation, tenant, '{}');
  if own is null then
    select m.made, m.complaint into own, complaint from tenancy.isolation_make(protected.relation, tenant, user_id, owned, 0) m;
  end if;
  if complaint is not null then
    return;
  end if;
  victim := case protected.kind when 'tenant' then tenancy.isolation_find(protected.relation, other_tenant, '{}') else own end;
  if victim is null then
    select m.made, m.complaint into victim, complaint from tenancy.isolation_make(protected.relation, other_tenant, other_user, owned, 0) m;
  end if;
  if complaint is not null or protected.owner_column is null then
    return;
  end if;

  acting_user := own #>> array['row', protected.owner_column::text];
  if owner_key.parent is not null then
    select m.made, m.complaint into parent_row, complaint from tenancy.isolation_make(owner_key.parent, tenant, user_id, '{}', 1) m;
  end if;
  if complaint is null then
    select m.made, m.complaint into colleague, complaint from tenancy.isolation_make(protected.relation, tenant, user_id, jsonb_build_object(
      protected.owner_column, coalesce(parent_row #>> array['row', owner_key.referenced],
                                       tenancy.isolation_invented(protected.relation, protected.owner_attnum, 3))), 0) m;
  end if;
end
$function$;
comment on function tenancy.isolation_rows_of(tenancy.protection, text, text, text, text) is 'internal: the rows that the probes of a table start from';

-- The tenant can work: a suite in which nothing works shows nothing.
create function tenancy.isolation_controls(protected tenancy.protection, own jsonb, tenant text, user_id text) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  target constant text := tenancy.isolation_quoted(protected.relation);
  counting constant text := format('select count(*) from (select from %s t limit 100000) t', target);
  alone record;
  trial record;
begin
  trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select 1 from %s t where t.tableoid = %s and t.ctid = %L',
             target, own ->> 'table', own ->> 'ctid'), null, false);
  return next tenancy.isolation_told(trial.code = '00000' and trial.rows = 1,
    format('%s: %s', name, case protected.kind when 'reference' then 'a tenant reads' else 'a tenant reads its own row' end),
    array_remove(array[format('%s rows, %s %s', trial.rows, trial.code, trial.message)]
    || case when trial.message like 'permission denied for schema%' then
         format('grant usage on schema %s to tenancy_user, tenancy_admin', (select c.relnamespace::regnamespace from pg_class c where c.oid = protected.relation)) end, null));
  if protected.kind <> 'tenant' then
    return;
  end if;
  if protected.writable then
    trial := tenancy.isolation_try(protected.relation, tenant, user_id, tenancy.isolation_insert_sql(protected.relation,
               tenancy.isolation_copy(protected.relation, own -> 'row')), null, false);
    -- A key that is taken speaks after the policies have let the row through.
    return next tenancy.isolation_told(trial.code = '00000' and trial.rows = 1 or trial.code in ('23505', '23P01'),
      format('%s: a tenant inserts a row of its own', name), array[format('%s rows, %s %s', trial.rows, trial.code, trial.message)]);
  end if;
  alone := tenancy.isolation_try(protected.relation, tenant, user_id, counting, null, false);
  begin
    perform tenancy.isolation_force_parallel();
    trial := tenancy.isolation_try(protected.relation, tenant, user_id, counting, null, false);
    raise exception using errcode = 'ISO00';
  exception when sqlstate 'ISO00' then
    null;
  end;
  return next tenancy.isolation_told(trial.value = alone.value and trial.value <> '0', format('%s: a parallel plan finds as many of its own rows', name),
    array[format('%s rows alone, %s in parallel; %s %s', alone.value, trial.value, trial.code, trial.message)]);
end
$function$;
comment on function tenancy.isolation_controls(tenancy.protection, jsonb, text, text) is 'internal: lines that show that a tenant can work with its own rows';

-- All probes about the rows of a table itself and the views over it.
create function tenancy.isolation_table_probes(protected tenancy.protection, own jsonb, victim jsonb, colleague jsonb, tenant text, user_id text)
  returns setof tenancy.isolation_probe
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  probe tenancy.isolation_probe;
  other tenancy.isolation_probe;
begin
  if protected.kind = 'reference' then
    return query select p.* from tenancy.isolation_probes(protected, 'the reference', null, victim, tenant, user_id, true, true) p;
    return;
  end if;
  for probe in select p.* from tenancy.isolation_probes(protected, 'another tenant', own, victim, tenant, user_id, false, true) p loop
    other := coalesce(other, probe);
    return next probe;
  end loop;
  if not protected.writable then
    return query select p.* from tenancy.isolation_probes(protected, 'its own tenant', null, own, tenant, user_id, true, true) p;
  end if;
  if colleague is not null then
    return query select p.* from tenancy.isolation_probes(protected, 'another user', own, colleague, tenant, user_id, false, true) p;
  end if;

  probe := other; -- reads the other tenant's row
  if not exists (select from pg_roles r where r.oid = protected.relowner and (r.rolsuper or r.rolbypassrls)) then
    probe.kind := 'owner';
    probe.title := 'the owner of the table is held by the policies too';
    return next probe;
  end if;
  probe.kind := 'view';
  for probe.view in select v from tenancy.isolation_views(protected.relation) v loop
    probe.title := format('the view %s tells nothing of another tenant', probe.view);
    probe.statement := format('select pg_catalog.count(*) || '' '' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(v::pg_catalog.text, 0)), 0) from %s v',
                              tenancy.isolation_quoted(probe.view));
    return next probe;
  end loop;
  probe := other;
  probe.user_id := null;
  probe.tenant := null;
  probe.title := 'without a context no row is read';
  return next probe;
end
$function$;
comment on function tenancy.isolation_table_probes(tenancy.protection, jsonb, jsonb, jsonb, text, text) is 'internal: the probes of a table and its views';

-- Rows with NULL tenant: all read them, nobody writes them.
create function tenancy.isolation_shared(protected tenancy.protection, own jsonb, tenant text, user_id text,
                                         out line tenancy.isolation_line, out probes tenancy.isolation_probe[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  of_all jsonb := tenancy.isolation_find(protected.relation, null, '{}');
  complaint text;
  trial record;
begin
  if of_all is null then
    select m.made, m.complaint into of_all, complaint from tenancy.isolation_make(protected.relation, null, user_id, '{}', 0) m;
  end if;
  if complaint is null then
    trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select 1 from %s t where t.tableoid = %s and t.ctid = %L',
               tenancy.isolation_quoted(protected.relation), of_all ->> 'table', of_all ->> 'ctid'), null, false);
    complaint := case when trial.code <> '00000' or trial.rows <> 1 then format('%s rows, %s %s', trial.rows, trial.code, trial.message) end;
    probes := array(select p from tenancy.isolation_probes(protected, 'all tenants', own, of_all, tenant, user_id, true, true) p);
  end if;
  line := tenancy.isolation_told(complaint is null, format('%s: a row of all tenants is read', protected.relation), array[complaint]);
end
$function$;
comment on function tenancy.isolation_shared(tenancy.protection, jsonb, text, text) is 'internal: the line and the probes of rows that all tenants share';

-- Partitions and children, by their own names. One without policies is attacked like the others.
create function tenancy.isolation_children(protected tenancy.protection, victim jsonb, tenant text, other_tenant text, user_id text, other_user text,
                                           out lines tenancy.isolation_line[], out probes tenancy.isolation_probe[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  at_tenant constant jsonb := case protected.kind when 'tenant' then jsonb_build_object(protected.tenant_column, other_tenant) else '{}' end;
  child tenancy.protection;
  attacked jsonb;
  complaint text;
begin
  lines := '{}';
  probes := '{}';
  for child in
    select c.oid::regclass, c.relowner, c.relkind, protected.kind, protected.tenant_column, a.attnum, protected.tenant_type, protected.owner_column,
           o.attnum, protected.writable, protected.shared, protected.registry, true
      from tenancy.with_children(protected.relation) w join pg_class c on c.oid = w and c.relkind in ('r', 'p')
      left join pg_attribute a on a.attrelid = c.oid and a.attname = protected.tenant_column
      left join pg_attribute o on o.attrelid = c.oid and o.attname = protected.owner_column
     where c.oid <> protected.relation
     order by c.relname
  loop
    complaint := null;
    attacked := case when (victim ->> 'table')::oid = child.relation then victim
                     else tenancy.isolation_find(child.relation, other_tenant, at_tenant) end;
    if attacked is null then
      select m.made, m.complaint into attacked, complaint from tenancy.isolation_make(child.relation, other_tenant, other_user, at_tenant, 1) m;
    end if;
    if attacked is not null then
      probes := probes || array(select p from tenancy.isolation_probes(child, case protected.kind when 'tenant' then 'another tenant' else 'the reference' end,
                                         null, attacked, tenant, user_id, protected.kind <> 'tenant', false) p);
    else
      -- No row of that tenant fits into it: then nobody may have a right to it.
      lines := lines || tenancy.isolation_told(
        not has_any_column_privilege('tenancy_user', child.relation, 'select, insert, update, references')
          and not has_table_privilege('tenancy_user', child.relation, 'delete, truncate'),
        format('%s: takes no row of another tenant, and tenants have no right to it by its own name', child.relation), array[complaint]);
    end if;
  end loop;
end
$function$;
comment on function tenancy.isolation_children(tenancy.protection, jsonb, text, text, text, text) is 'internal: the probes of partitions and inheritance children, by their own names';
-- The isolation suite, part six: foreign keys, and all lines of one table.

-- References of a table to other protected tables: the columns that choose the parent within the tenant, and the probe
-- that chooses another tenant's.
create function tenancy.isolation_references(protected tenancy.protection, own jsonb, tenant text, other_tenant text, user_id text, other_user text)
  returns table (probes tenancy.isolation_probe[], parent regclass, complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  foreign_key record;
  found_row jsonb;
  chosen jsonb;
  probe tenancy.isolation_probe;
  target constant text := tenancy.isolation_quoted(protected.relation);
begin
  for foreign_key in
    select k.confrelid::regclass as parent, p.tenant_column as parent_tenant,
           array_agg(a.attname::text order by u.o) as own_columns, array_agg(f.attname::text order by u.o) as referenced
      from pg_constraint k
      join tenancy.protection p on p.relation = k.confrelid and p.kind = 'tenant'
     cross join unnest(k.conkey, k.confkey) with ordinality as u (own, referenced, o)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.own
      join pg_attribute f on f.attrelid = k.confrelid and f.attnum = u.referenced
     where k.conrelid = protected.relation and k.contype = 'f'
       and not exists (select from pg_constraint q where q.oid = k.conparentid and q.conrelid = k.conrelid)
       and a.attnum is distinct from protected.tenant_attnum
     group by k.oid, k.confrelid, p.tenant_column
    -- The owner's column is held by the policies.
    having not bool_or(a.attnum is not distinct from protected.owner_attnum)
  loop
    found_row := tenancy.isolation_find(foreign_key.parent, other_tenant, '{}');
    complaint := null;
    if found_row is null then
      select m.made, m.complaint into found_row, complaint from tenancy.isolation_make(foreign_key.parent, other_tenant, other_user, '{}', 1) m;
    end if;
    parent := foreign_key.parent;
    probes := '{}';
    if complaint is null then
      select jsonb_object_agg(o, found_row -> 'row' -> r) into chosen from unnest(foreign_key.own_columns, foreign_key.referenced) as u (o, r);
      -- Keys that begin with the tenant may have the same rest in both: then this is the tenant's own parent.
      if tenancy.isolation_find(foreign_key.parent, tenant, (select jsonb_object_agg(r, found_row -> 'row' -> r) from unnest(foreign_key.referenced) r)) is null then
        probe.relation := protected.relation;
        probe.kind := 'reference';
        probe.tenant := tenant;
        probe.user_id := user_id;
        probe.title := format('a row is not pointed at a row of another tenant in %s', foreign_key.parent);
        probe.statement := format('update %s t set %s where t.tableoid = %s and t.ctid = %L', target,
          (select string_agg(format('%I = %L', c.key, c.value #>> '{}'), ', ') from jsonb_each(chosen) c), own ->> 'table', own ->> 'ctid');
        probes := probes || probe;
        probe.title := format('nor is a new row in %s', foreign_key.parent);
        probe.statement := tenancy.isolation_insert_sql(protected.relation, tenancy.isolation_copy(protected.relation, own -> 'row') || chosen);
        probes := probes || probe;
      end if;
    end if;
    return next;
  end loop;
end
$function$;
comment on function tenancy.isolation_references(tenancy.protection, jsonb, text, text, text, text) is 'internal: the probes of the foreign keys of a table';

create function tenancy.isolation_reference_lines(protected tenancy.protection, own jsonb, tenant text, other_tenant text, user_id text, other_user text)
  returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  reference record;
  updated record;
  inserted record;
  result record;
begin
  for reference in select r.* from tenancy.isolation_references(protected, own, tenant, other_tenant, user_id, other_user) r loop
    if reference.complaint is not null then
      return next tenancy.isolation_told(false, format('%s: there is a row of another tenant in %s to point at', name, reference.parent), array[reference.complaint]);
    end if;
    continue when reference.probes = '{}';
    -- An update that a trigger forbids says nothing; the insert then speaks for both.
    updated := tenancy.isolation_outcome(reference.probes[1]);
    inserted := tenancy.isolation_outcome(reference.probes[2]);
    return next tenancy.isolation_told(
      'leaked' not in (updated.outcome, inserted.outcome) and (updated.outcome in ('held', 'elsewhere') or inserted.outcome in ('held', 'elsewhere')),
      format('%s: a row is not pointed at another tenant''s row in %s', name, reference.parent),
      array[format('update: %s, %s; insert: %s, %s', updated.outcome, updated.note, inserted.outcome, inserted.note),
            'tenancy.protect(table, keys => true) makes the keys that hold']);
    continue when not protected.writable;
    result := tenancy.isolation_under(array(
      select format('alter table %s drop constraint %I', tenancy.isolation_quoted(protected.relation), k.conname) from pg_constraint k
       where k.conrelid = protected.relation and k.confrelid = reference.parent and k.contype = 'f' and k.conparentid = 0), reference.probes, false);
    return next tenancy.isolation_verdict(name, format('its foreign key to %s', reference.parent),
                                          case when cardinality(result.wrong) < cardinality(reference.probes) then '{}' else result.wrong end, result.failure);
  end loop;
end
$function$;
comment on function tenancy.isolation_reference_lines(tenancy.protection, jsonb, text, text, text, text) is 'internal: lines about the foreign keys of a table';

-- Everything is rolled back before the lines are told.
create function tenancy.isolation_table(protected tenancy.protection, tenant text, other_tenant text, user_id text, other_user text)
  returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  lines tenancy.isolation_line[] := '{}';
  probes tenancy.isolation_probe[];
  start record;
  children record;
  shared record;
  identity text;
begin
  begin
    -- Deferred triggers would fire after all this is gone; a restricted operation refuses them.
    set constraints all immediate;
    perform set_config('tenancy.guard', 'off', true) from pg_settings s where s.name = 'tenancy.guard';

    -- Tenants may not choose the keys of an identity, and a generated one would move its sequence, which is not rolled back.
    -- The policies have to hold for chosen keys as well.
    for identity in
      select format('alter table %s alter column %I set generated by default', tenancy.isolation_quoted(c), a.attname)
        from tenancy.with_children(protected.relation) c join pg_attribute a on a.attrelid = c and a.attidentity = 'a' and not a.attisdropped
       where not exists (select from pg_class r where r.oid = c and r.relispartition)
    loop
      execute identity;
    end loop;

    -- Rights to single columns hide columns, not rows: the suite asks for whole rows.
    if not has_table_privilege('tenancy_user', protected.relation, 'select') and has_any_column_privilege('tenancy_user', protected.relation, 'select') then
      execute format('grant select on %s to tenancy_user', tenancy.isolation_quoted(protected.relation));
    end if;

    start := tenancy.isolation_rows_of(protected, tenant, other_tenant, user_id, other_user);
    lines := lines || tenancy.isolation_told(start.complaint is null, format('%s: there are rows to try it with', name), array[start.complaint]);
    if start.own is not null and start.victim is not null then
      user_id := start.acting_user;
      children := tenancy.isolation_children(protected, start.victim, tenant, other_tenant, user_id, other_user);
      lines := lines || children.lines;
      probes := array(select p from tenancy.isolation_table_probes(protected, start.own, start.victim, start.colleague, tenant, user_id) p) || children.probes;
      if protected.shared then
        shared := tenancy.isolation_shared(protected, start.own, tenant, user_id);
        lines := lines || shared.line;
        probes := probes || shared.probes;
      end if;
      -- What ran as the owner has left plans that know of no FORCE.
      discard plans;

      lines := lines || array(select l from tenancy.isolation_controls(protected, start.own, tenant, user_id) l)
                     || array(select l from tenancy.isolation_measures(protected, probes) l)
                     || array(select l from tenancy.isolation_commands(protected, tenant, user_id) l);
      if protected.kind = 'tenant' then
        lines := lines || array(select l from tenancy.isolation_reference_lines(protected, start.own, tenant, other_tenant, user_id, other_user) l);
      end if;
    end if;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      null;
    when others then
      lines := lines || tenancy.isolation_told(false, format('%s: was tried', name), array[format('%s (%s)', sqlerrm, sqlstate)]);
  end;
  discard plans;
  return query select (l).* from unnest(lines) l;
end
$function$;
comment on function tenancy.isolation_table(tenancy.protection, text, text, text, text) is 'internal: the lines of one table';
-- The isolation suite, part seven: the suite.

-- Two tenants of a type: those with rows in most tables. NULL where there are none.
create function tenancy.isolation_tenants(tables tenancy.protection[], of_category "char") returns text[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  protected tenancy.protection;
  found_values text[] := '{}';
  direction text;
begin
  foreach protected in array tables loop
    if protected.kind = 'tenant' and (select t.typcategory from pg_type t where t.oid = protected.tenant_type) = of_category then
      foreach direction in array array['asc', 'desc'] loop
        begin
          found_values := found_values || (select t.value from tenancy.try_as_owner(protected.relation, null, null, format(
            'select t.%I from %s t where t.%I is not null order by t.%I %s limit 1', protected.tenant_column,
            tenancy.isolation_quoted(protected.relation), protected.tenant_column, protected.tenant_column, direction), true) t);
        exception when insufficient_privilege then
          null; -- told by the lines of that table
        end;
      end loop;
    end if;
  end loop;
  return array(select v from unnest(found_values) v where v is not null group by v order by count(*) desc, v limit 2);
end
$function$;
comment on function tenancy.isolation_tenants(tenancy.protection[], "char") is 'internal: two tenants that have rows in many tables';

-- A user of the tenant, from the directory where one is registered.
create function tenancy.isolation_user(tenant text, number int) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  memberships regclass := (select d.memberships from tenancy.directory d);
  found_user text;
begin
  if memberships is not null then
    select t.value into found_user from tenancy.try_as_owner(memberships, null, null, format(
      'select m.user_id::pg_catalog.text from %s m where m.tenant_id::pg_catalog.text = %L order by 1 limit 1', tenancy.isolation_quoted(memberships), tenant), true) t;
  end if;
  return coalesce(found_user, number::text);
exception when others then
  return number::text;
end
$function$;
comment on function tenancy.isolation_user(text, int) is 'internal: a user of a tenant';

-- A name may hold what would be a directive of TAP, or a line of its own.
create function tenancy.isolation_tap(number int, line tenancy.isolation_line) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s %s - %s%s', case when (line).ok then 'ok' else 'not ok' end, number,
                replace(replace(regexp_replace((line).title, '[\n\r]', ' ', 'g'), '\', '\\'), '#', '\#'), ' # SKIP ' || (line).skipped)
$function$;
comment on function tenancy.isolation_tap(int, tenancy.isolation_line) is 'internal: a line of TAP with its number';

-- What there is to try, in its order: tables that have lost their protection, wholly or in part, then the protected ones with
-- the two tenants of each.
create function tenancy.isolation_plan(schema_name regnamespace, tenant_a text, tenant_b text)
  returns table (relation regclass, is_lost boolean, pair text[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  tables tenancy.protection[];
  protected tenancy.protection;
  pairs jsonb := '{}';
  tenants text[];
  category "char";
begin
  tables := array(select p from tenancy.protection p join pg_class c on c.oid = p.relation
                   where not p.is_child and (schema_name is null or c.relnamespace = schema_name)
                   order by c.relnamespace::regnamespace::text, c.relname);
  for category in select distinct t.typcategory from unnest(tables) p join pg_type t on t.oid = p.tenant_type loop
    tenants := coalesce(array[tenant_a, tenant_b], '{}');
    if tenant_a is null then
      tenants := tenancy.isolation_tenants(tables, category);
      -- A table of tenants may want them to be there: it is asked to make them like any other parent.
      tenants := tenants || (select array_agg(tenancy.isolation_invented(p.relation, p.tenant_attnum, n) order by n)
                               from (select p.* from unnest(tables) p join pg_type t on t.oid = p.tenant_type where t.typcategory = category limit 1) p, generate_series(1, 2) n);
    end if;
    pairs := pairs || jsonb_build_object(category, tenants);
  end loop;

  return query
    select c.oid::regclass, true, '{}'::text[]
      from pg_class c
     where c.relkind in ('r', 'p') and (schema_name is null or c.relnamespace = schema_name)
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname in ('tenancy_tenant', 'tenancy_reference'))
       and (exists (select from pg_policy l where l.polrelid = c.oid and l.polname like 'tenancy\_%')
            or not c.relispartition and has_any_column_privilege('tenancy_user', c.oid, 'select, insert, update')
               and exists (select from pg_attribute a join unnest(tables) p on p.tenant_column = a.attname and p.tenant_type = a.atttypid and not p.registry
                            where a.attrelid = c.oid and not a.attisdropped))
     order by 1;

  foreach protected in array tables loop
    category := (select t.typcategory from pg_type t where t.oid = protected.tenant_type);
    relation := protected.relation;
    is_lost := false;
    -- A table without a tenant column is tried by whichever tenant there is.
    pair := array(select jsonb_array_elements_text(coalesce(pairs -> category::text, (select e.value from jsonb_each(pairs) e limit 1), '["1", "2"]')));
    return next;
  end loop;
end
$function$;
comment on function tenancy.isolation_plan(regnamespace, text, text) is
  'internal: the tables that the suite tries, each with two tenants, after those that have lost their protection';

-- All lines of one entry of the plan.
create function tenancy.isolation_lines(relation regclass, is_lost boolean, pair text[]) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  protected tenancy.protection;
begin
  select p.* into protected from tenancy.protection p where p.relation = isolation_lines.relation;
  if is_lost or not found then
    return next tenancy.isolation_told(false, format('%s: it is protected', relation),
      array[format('Tenants have rights to it, or had policies on it. Run: select * from tenancy.protect(%s, …);',
                   quote_literal(regexp_replace(relation::text, '[\n\r]', ' ', 'g')))]);
    return;
  end if;
  return query select * from tenancy.isolation_table(protected, pair[1], pair[2], tenancy.isolation_user(pair[1], 1), tenancy.isolation_user(pair[2], 2));
end
$function$;
comment on function tenancy.isolation_lines(regclass, boolean, text[]) is 'internal: the lines of one table of the plan';

create function tenancy.isolation_notes(line tenancy.isolation_line) returns setof text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select l from unnest((line).notes) n cross join regexp_split_to_table(n, '[\n\r]+') l where n is not null
$function$;
comment on function tenancy.isolation_notes(tenancy.isolation_line) is 'internal: what is told of a line that failed, line by line';

create function tenancy.isolation_tests(schema_name regnamespace default null, tenant_a text default null, tenant_b text default null)
  returns setof text
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
  set row_security = on
  set lock_timeout = '10s'
as $function$
declare
  step record;
  line tenancy.isolation_line;
  number int := 0;
  failed int := 0;
begin
  if (tenant_a is null) <> (tenant_b is null) or tenant_a = tenant_b then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'isolation is tried between two tenants',
      hint = 'Give two different tenants, or none: then two are found or made.';
  end if;
  perform tenancy.try_as_tenant(null, null, 'select 1'); -- refuses who may not, and an attached transaction

  for step in select p.* from tenancy.isolation_plan(schema_name, tenant_a, tenant_b) p loop
    for line in select l.* from tenancy.isolation_lines(step.relation, step.is_lost, step.pair) l loop
      number := number + 1;
      return next tenancy.isolation_tap(number, line);
      if line.ok is not true then
        failed := failed + 1;
        return query select '# ' || n from tenancy.isolation_notes(line) n;
      end if;
    end loop;
  end loop;

  if number = 0 then
    number := 1;
    failed := 1;
    return next 'not ok 1 - there is a protected table';
    return next format('# Nothing is protected%s. Begin with tenancy.protect() or tenancy.protect_all().', ' in schema ' || schema_name::text);
  end if;
  return next format('1..%s', number);
  if failed > 0 then
    return next format('# %s of %s failed', failed, number);
  end if;
end
$function$;
comment on function tenancy.isolation_tests(regnamespace, text, text) is
  'tries each protected table across two tenants, and once more without each counter-measure, and tells the outcome as lines of TAP; changes nothing';

grant select on tenancy.directory to pg_database_owner;
do $rights$
declare
  ours regprocedure;
begin
  for ours in
    select p.oid from pg_catalog.pg_proc p
     where p.pronamespace = 'tenancy'::pg_catalog.regnamespace and p.proname ~ '^(isolation_|try_as_)'
  loop
    execute pg_catalog.format('revoke execute on function %s from public', ours);
    execute pg_catalog.format('grant execute on function %s to pg_database_owner', ours);
  end loop;
end
$rights$;
grant usage on type tenancy.isolation_probe, tenancy.isolation_line to pg_database_owner;
-- Roles inside a tenant: the column role of the directory's memberships view, known to the context since attach.
-- restrict() makes restrictive policies only: nothing here lets anybody see or write a row more.

create function tenancy.role() returns text
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_role';
comment on function tenancy.role() is 'role of the user inside the tenant of the current context; NULL: none, or no context';

create function tenancy.has_role(variadic roles text[]) returns boolean
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_has_role';
comment on function tenancy.has_role(text[]) is
  'whether the user has one of these roles inside the tenant, for policies; NULL without a role, which closes a policy that negates it too';

revoke execute on function tenancy.role(), tenancy.has_role(text[]) from public;
grant execute on function tenancy.role(), tenancy.has_role(text[]) to public;

-- The commands that one word stands for.
create function tenancy.restricted_commands(command text) returns text[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if command in ('select', 'insert', 'update', 'delete', 'all') then
    return array[command];
  elsif command = 'write' then
    return array['insert', 'update', 'delete'];
  end if;
  raise exception using
    errcode = case when command is null then 'null_value_not_allowed' else 'invalid_parameter_value' end,
    message = 'this is no command that can be restricted',
    hint = 'One of select, insert, update, delete, write (the last three) and all.';
end
$function$;
comment on function tenancy.restricted_commands(text) is 'internal: the commands of the policies that restrict() makes for one word';

create function tenancy.restriction_policies() returns name[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select array['tenancy_restrict_select', 'tenancy_restrict_insert', 'tenancy_restrict_update', 'tenancy_restrict_delete', 'tenancy_restrict_all']::name[]
$function$;
comment on function tenancy.restriction_policies() is 'internal: names of all policies that tenancy.restrict() makes';

create function tenancy.require_restrictable(table_name regclass) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if table_name is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a restriction needs a table',
      hint = 'tenancy.restrict(''schema.table'', ''write'', array[''editor''])';
  end if;
  perform tenancy.require_table(table_name);
end
$function$;
comment on function tenancy.require_restrictable(regclass) is 'internal: refuses what is no table that can be restricted, with the reason';

create function tenancy.restrict(table_name regclass, command text, roles text[])
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  commands text[] := tenancy.restricted_commands(command);
  condition text;
  relation regclass;
  one text;
  policy name;
begin
  perform tenancy.require_restrictable(table_name);
  if roles is null or cardinality(roles) = 0 or array_ndims(roles) > 1 or array_position(roles, null) is not null
     or exists (select from unnest(roles) r (name) where octet_length(r.name) not between 1 and 255) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the roles that keep the command are a list of one or more names',
      detail = 'A name has 1 to 255 bytes; NULL is none.',
      hint = 'tenancy.restrict(table, ''write'', array[''editor'']). To take a right from all tenants protect the table with access => ''read''.';
  end if;
  if not exists (select from tenancy.protection p where p.relation = table_name) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('table %s is not protected', table_name),
      hint = format('select * from tenancy.protect(%L) first: a restriction narrows what a tenant may do.', table_name::text);
  end if;
  -- For everybody, so that it holds the owner's views and functions as well; a bypass context has no role and needs none.
  condition := format('(tenancy.bypassing() or tenancy.has_role(variadic %L::text[]))', roles);
  foreach one in array commands loop
    policy := 'tenancy_restrict_' || one;
    for relation in select r from tenancy.with_children(table_name) r loop
      if exists (select from pg_policy p where p.polrelid = relation and p.polname = policy) then
        step := 'drop policy';
        statement := format('drop policy %I on %s', policy, relation);
        execute statement;
        return next;
      end if;
      step := 'create policy';
      statement := format('create policy %I on %s as restrictive for %s to public', policy, relation, one)
        || case when one <> 'insert' then ' using ' || condition else '' end
        || case when one in ('insert', 'update', 'all') then ' with check ' || condition else '' end;
      execute statement;
      return next;
    end loop;
  end loop;
end
$function$;
comment on function tenancy.restrict(regclass, text, text[]) is
  'lets only users with one of these roles inside the tenant run a command on a protected table: select, insert, update, delete, write or all; never more than the tenant could';

create function tenancy.unrestrict(table_name regclass, command text)
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  commands text[] := tenancy.restricted_commands(command);
  found_one boolean := false;
begin
  perform tenancy.require_restrictable(table_name);
  for step, statement in
    select 'drop policy', format('drop policy %I on %s', p.polname, p.polrelid::regclass)
      from tenancy.with_children(table_name) r
      join pg_policy p on p.polrelid = r
      join unnest(commands) c (command) on p.polname = 'tenancy_restrict_' || c.command
  loop
    found_one := true;
    execute statement;
    return next;
  end loop;
  if not found_one then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.unrestrict(regclass, text) is 'takes a restriction of tenancy.restrict() back; by the same word';

revoke execute on function
  tenancy.restricted_commands(text), tenancy.restriction_policies(), tenancy.require_restrictable(regclass),
  tenancy.restrict(regclass, text, text[]), tenancy.unrestrict(regclass, text)
from public;
grant execute on function
  tenancy.restricted_commands(text), tenancy.restriction_policies(), tenancy.require_restrictable(regclass),
  tenancy.restrict(regclass, text, text[]), tenancy.unrestrict(regclass, text)
to pg_database_owner;
-- The isolation suite on demand: a background worker runs it, table by table, and commits what came out of each, so that a
-- page shows the progress (src/isolation_run.cpp). Runs are of a server, not of the data: they are no part of a dump.

create table tenancy.isolation_run (
  id bigint generated always as identity constraint isolation_run_pkey primary key,
  started_at timestamptz not null default pg_catalog.clock_timestamp(),
  finished_at timestamptz,
  state text not null default 'running' constraint isolation_run_state check (state in ('running', 'passed', 'failed', 'broken')),
  login text not null,
  user_id text,
  tables integer not null default 0,
  tables_done integer not null default 0,
  passed integer not null default 0,
  failed integer not null default 0,
  skipped integer not null default 0,
  error text
);
comment on table tenancy.isolation_run is 'the last runs of tenancy.start_isolation_run(); src/isolation_run.cpp counts on the first column and the key';
comment on column tenancy.isolation_run.id is 'number of the run; gaps mean nothing';
comment on column tenancy.isolation_run.started_at is 'when it began';
comment on column tenancy.isolation_run.finished_at is 'when it ended; NULL while it runs, and where nobody was left to tell';
comment on column tenancy.isolation_run.state is 'how it was left: running may mean that its worker is gone, ask tenancy.isolation_run_state()';
comment on column tenancy.isolation_run.login is 'database login that started it';
comment on column tenancy.isolation_run.user_id is 'admin of the application who started it; NULL: somebody without a context';
comment on column tenancy.isolation_run.tables is 'how many tables there are to try';
comment on column tenancy.isolation_run.tables_done is 'how many were tried';
comment on column tenancy.isolation_run.passed is 'lines that are well';
comment on column tenancy.isolation_run.failed is 'lines that are not';
comment on column tenancy.isolation_run.skipped is 'lines that were tried and say nothing';
comment on column tenancy.isolation_run.error is 'why it is broken, or has failed without a line';
comment on sequence tenancy.isolation_run_id_seq is 'internal: numbers the runs of the isolation suite';
revoke all on tenancy.isolation_run from public;

create table tenancy.isolation_result (
  run_id bigint not null constraint isolation_result_run references tenancy.isolation_run on delete cascade,
  number integer not null,
  table_name text not null,
  ok boolean not null,
  skipped boolean not null,
  line text not null,
  comment text,
  constraint isolation_result_pkey primary key (run_id, number)
);
comment on table tenancy.isolation_result is 'the lines of the last runs of tenancy.start_isolation_run()';
comment on column tenancy.isolation_result.run_id is 'the run';
comment on column tenancy.isolation_result.number is 'number of the line in its run';
comment on column tenancy.isolation_result.table_name is 'the table that was tried';
comment on column tenancy.isolation_result.ok is 'whether it is as it should be';
comment on column tenancy.isolation_result.skipped is 'whether it was tried and says nothing';
comment on column tenancy.isolation_result.line is 'what was tried, as tenancy.isolation_tests() says it';
comment on column tenancy.isolation_result.comment is 'what came out where it is not well, or why it says nothing';
revoke all on tenancy.isolation_result from public;

create function tenancy.isolation_run_state(run bigint) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_isolation_run_state';
comment on function tenancy.isolation_run_state(bigint) is
  'internal: running, passed, failed or broken; broken also for a run whose worker died or whose server was restarted';

-- Who reads them: as tenancy.suspensions.
create view tenancy.isolation_runs with (security_barrier) as
  select r.id, r.started_at, r.finished_at, s.state, r.login, r.user_id, r.tables, r.tables_done, r.passed, r.failed, r.skipped,
         case when s.state = 'broken' then coalesce(r.error, 'the worker or the server has stopped') else r.error end as error
    from tenancy.isolation_run r
    cross join lateral (select tenancy.isolation_run_state(r.id) as state offset 0) s
   where pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')
      or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
      or tenancy.bypassing();
comment on view tenancy.isolation_runs is
  'the last 20 runs of tenancy.start_isolation_run(): for operators and the owner of the database, and for admins in a bypass context where tenancy_admin is granted it';
comment on column tenancy.isolation_runs.id is 'number of the run; gaps mean nothing';
comment on column tenancy.isolation_runs.started_at is 'when it began';
comment on column tenancy.isolation_runs.finished_at is 'when it ended; NULL while it runs, and where nobody was left to tell';
comment on column tenancy.isolation_runs.state is 'running, passed, failed, or broken: it did not come to its end';
comment on column tenancy.isolation_runs.login is 'database login that started it';
comment on column tenancy.isolation_runs.user_id is 'admin of the application who started it; NULL: somebody without a context';
comment on column tenancy.isolation_runs.tables is 'how many tables there are to try';
comment on column tenancy.isolation_runs.tables_done is 'how many were tried';
comment on column tenancy.isolation_runs.passed is 'lines that are well';
comment on column tenancy.isolation_runs.failed is 'lines that are not';
comment on column tenancy.isolation_runs.skipped is 'lines that were tried and say nothing';
comment on column tenancy.isolation_runs.error is 'why it is broken, or has failed without a line';

create view tenancy.isolation_results with (security_barrier) as
  select r.run_id, r.number, r.table_name, r.ok, r.skipped, r.line, r.comment
    from tenancy.isolation_result r
   where pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')
      or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
      or tenancy.bypassing();
comment on view tenancy.isolation_results is 'the lines of tenancy.isolation_runs, for the same people';
comment on column tenancy.isolation_results.run_id is 'the run';
comment on column tenancy.isolation_results.number is 'number of the line in its run';
comment on column tenancy.isolation_results.table_name is 'the table that was tried';
comment on column tenancy.isolation_results.ok is 'whether it is as it should be';
comment on column tenancy.isolation_results.skipped is 'whether it was tried and says nothing';
comment on column tenancy.isolation_results.line is 'what was tried, as tenancy.isolation_tests() says it';
comment on column tenancy.isolation_results.comment is 'what came out where it is not well, or why it says nothing';
revoke all on tenancy.isolation_runs, tenancy.isolation_results from public;
grant select on tenancy.isolation_runs, tenancy.isolation_results to tenancy_operator, pg_database_owner;

-- ---------------------------------------------------------------- starting
create function tenancy.launch_isolation_run(owner oid) returns bigint
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_launch_isolation_run';
comment on function tenancy.launch_isolation_run(oid) is
  'internal: starts the worker of a run as the owner of the database, and tells its number once that is committed';

create function tenancy.start_isolation_run() returns bigint
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  owner record;
begin
  perform tenancy.require_operator('run the isolation suite', 'tenancy.start_isolation_run()');
  select r.oid, r.rolname, r.rolcanlogin into owner
    from pg_database d join pg_roles r on r.oid = d.datdba where d.datname = current_database();
  if not owner.rolcanlogin then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the owner of the database may not log in',
      hint = format('The worker logs in as the owner: ALTER ROLE %I LOGIN; or call tenancy.isolation_tests() as a member.', owner.rolname);
  end if;
  return tenancy.launch_isolation_run(owner.oid);
end
$function$;
comment on function tenancy.start_isolation_run() is
  'runs the isolation suite in the background, one run at a time, and tells its number; progress and outcome are in tenancy.isolation_runs and tenancy.isolation_results; on record in tenancy.audit_log';

-- ---------------------------------------------------------------- what the worker does
-- As the owner of the extension: keeps book. As the owner of the database: plans and tries.
create function tenancy.isolation_run_begin(entry jsonb) returns bigint
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  kept constant integer := 20;
  run bigint;
begin
  -- Whoever begins is alone: the worker of what was left running is gone.
  update tenancy.isolation_run r set state = 'broken' where r.state = 'running';
  insert into tenancy.isolation_run (login, user_id) values (entry ->> 'login', entry ->> 'user_id') returning id into run;
  delete from tenancy.isolation_run r
   where r.id not in (select k.id from tenancy.isolation_run k order by k.id desc limit kept);
  perform tenancy.append_audit(jsonb_set(entry, '{detail,run}', to_jsonb(run)));
  return run;
end
$function$;
comment on function tenancy.isolation_run_begin(jsonb) is 'internal: puts a run on record, and forgets old ones';

create function tenancy.isolation_run_plan() returns setof jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
  set row_security = on
as $function$
  select jsonb_build_object('relation', p.relation::oid, 'table', tenancy.isolation_quoted(p.relation), 'lost', p.is_lost, 'pair', p.pair)
    from tenancy.isolation_plan(null, null, null) p
$function$;
comment on function tenancy.isolation_run_plan() is 'internal: the tables of a run, each as a JSON object';

-- Who comes after a waiting lock waits as well: a table that is busy is left alone soon.
create function tenancy.isolation_run_step(step jsonb) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
  set row_security = on
  set lock_timeout = '2s'
as $function$
declare
  relation constant regclass := (step ->> 'relation')::oid::regclass;
  lines tenancy.isolation_line[];
  failure text;
begin
  if not exists (select from pg_class c where c.oid = relation) then
    return '[]'; -- dropped meanwhile
  end if;
  begin
    if not (step ->> 'lost')::boolean then
      execute format('lock table %s in access exclusive mode', tenancy.isolation_quoted(relation));
    end if;
    lines := array(select l from tenancy.isolation_lines(relation, (step ->> 'lost')::boolean, array(select jsonb_array_elements_text(step -> 'pair'))) l);
  exception
    when lock_not_available then
      lines := array[tenancy.isolation_told(false, format('%s: it is tried', relation), array['It is busy: no lock was to be had within two seconds. Run the suite when fewer people work.'])];
    when others then
      get stacked diagnostics failure = message_text;
      lines := array[tenancy.isolation_told(false, format('%s: it is tried', relation), array[failure])];
  end;
  return coalesce((select jsonb_agg(jsonb_build_object(
                       'ok', (l).ok is true, 'skipped', (l).skipped is not null, 'line', (l).title,
                       'comment', coalesce((l).skipped, case when (l).ok is not true then (select string_agg(n, E'\n') from tenancy.isolation_notes(l) n) end)) order by o)
                     from unnest(lines) with ordinality as u (ok, title, notes, skipped, o)
                    cross join lateral (select row(u.ok, u.title, u.notes, u.skipped)::tenancy.isolation_line as l) r), '[]');
end
$function$;
comment on function tenancy.isolation_run_step(jsonb) is 'internal: tries one table of a run and tells the lines as a JSON array';

create function tenancy.isolation_run_planned(run bigint, tables integer) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  update tenancy.isolation_run r set tables = isolation_run_planned.tables where r.id = run
$function$;
comment on function tenancy.isolation_run_planned(bigint, integer) is 'internal: how many tables a run has to try';

create function tenancy.isolation_run_note(run bigint, step jsonb, lines jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.isolation_result (run_id, number, table_name, ok, skipped, line, comment)
  select run, (select r.passed + r.failed + r.skipped from tenancy.isolation_run r where r.id = run) + l.number,
         step ->> 'table', (l.line ->> 'ok')::boolean, (l.line ->> 'skipped')::boolean, l.line ->> 'line', l.line ->> 'comment'
    from jsonb_array_elements(lines) with ordinality as l (line, number);
  update tenancy.isolation_run r
     set tables_done = r.tables_done + 1, passed = r.passed + n.passed, failed = r.failed + n.failed, skipped = r.skipped + n.skipped
    from (select count(*) filter (where (l ->> 'ok')::boolean and not (l ->> 'skipped')::boolean) as passed,
                 count(*) filter (where not (l ->> 'ok')::boolean) as failed,
                 count(*) filter (where (l ->> 'ok')::boolean and (l ->> 'skipped')::boolean) as skipped
            from jsonb_array_elements(lines) l) n
   where r.id = run;
$function$;
comment on function tenancy.isolation_run_note(bigint, jsonb, jsonb) is 'internal: keeps the lines of one table of a run';

create function tenancy.isolation_run_end(run bigint, error text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  update tenancy.isolation_run r
     set finished_at = clock_timestamp(),
         state = case when isolation_run_end.error is not null then 'broken' when r.failed > 0 or r.tables = 0 then 'failed' else 'passed' end,
         error = coalesce(isolation_run_end.error, case when r.tables = 0 then 'nothing is protected' end)
   where r.id = run
$function$;
comment on function tenancy.isolation_run_end(bigint, text) is 'internal: ends a run, as broken where there is an error';

revoke execute on function
  tenancy.isolation_run_state(bigint), tenancy.launch_isolation_run(oid), tenancy.start_isolation_run(), tenancy.isolation_run_begin(jsonb),
  tenancy.isolation_run_plan(), tenancy.isolation_run_step(jsonb), tenancy.isolation_run_planned(bigint, integer),
  tenancy.isolation_run_note(bigint, jsonb, jsonb), tenancy.isolation_run_end(bigint, text)
from public;
grant execute on function tenancy.start_isolation_run() to tenancy_operator, pg_database_owner;
grant execute on function tenancy.isolation_run_plan(), tenancy.isolation_run_step(jsonb) to pg_database_owner;
-- The views call it as whoever reads them.
grant execute on function tenancy.isolation_run_state(bigint) to tenancy_operator, pg_database_owner, tenancy_admin;
-- Old minor releases have holes in row security itself, below anything an extension can do.

do $minor$
declare
  trouble pg_catalog.text := tenancy.release_trouble(pg_catalog.current_setting('server_version_num')::pg_catalog.int4);
begin
  if trouble is not null then
    raise warning using
      message = 'this release of PostgreSQL does not keep tenants apart',
      hint = trouble || '.';
  end if;
end
$minor$;
-- pg_read_all_data and pg_write_all_data reach every table without a grant: a session written by hand would open every
-- tenant, and the secret of an HS256 issuer makes tokens for everybody. Row security holds them. Who is granted a table reads
-- all of its rows; the extension's own functions work as its owner.

do $row_security$
declare
  kept record;
begin
  for kept in
    select c.oid::pg_catalog.regclass as name,
           (select pg_catalog.string_agg(distinct a.grantee::pg_catalog.regrole::pg_catalog.text, ', ')
              from pg_catalog.aclexplode(c.relacl) a where a.grantee <> c.relowner) as readers
      from pg_catalog.pg_class c
     where c.relnamespace = 'tenancy'::pg_catalog.regnamespace and c.relkind = 'r'
  loop
    execute pg_catalog.format('alter table %s enable row level security', kept.name);
    if kept.readers is not null then
      execute pg_catalog.format('create policy granted on %s for select to %s using (true)', kept.name, kept.readers);
      execute pg_catalog.format('comment on policy granted on %s is %L', kept.name, 'internal: who is granted the table reads it');
    end if;
  end loop;
end
$row_security$;
