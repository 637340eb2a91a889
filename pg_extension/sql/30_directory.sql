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
   where c.oid in (accounts, memberships) and not tenancy.holds_role(session_user, pg_get_userbyid(c.relowner))
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
