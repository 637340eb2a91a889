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
  if own_user is null and (acts or not tenancy.holds_role(session_user, 'tenancy_operator')) then
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
