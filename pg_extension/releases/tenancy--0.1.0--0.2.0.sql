\echo Use "ALTER EXTENSION tenancy UPDATE TO '0.2.0'" to load this file. \quit

create or replace function tenancy.tenant_id() returns text
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_tenant_id';

create or replace function tenancy.tenant_bigint() returns bigint
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_tenant_bigint';

create or replace function tenancy.tenant_uuid() returns uuid
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_tenant_uuid';

create or replace function tenancy.user_id() returns text
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_user_id';

create or replace function tenancy.user_bigint() returns bigint
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_user_bigint';

create or replace function tenancy.user_uuid() returns uuid
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_user_uuid';

create or replace function tenancy.bypassing() returns boolean
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_bypassing';

create or replace function tenancy.session_id() returns uuid
  language c stable leakproof parallel safe cost 1e-30 as 'MODULE_PATHNAME', 'tenancy_session_id';

create or replace view tenancy.membership as
  select m.member, m.roleid as role, m.grantor, m.admin_option as may_grant,
         coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean or (pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true) as gives_role
    from pg_catalog.pg_auth_members m;

comment on view tenancy.membership is 'internal: memberships, with what they give on this version of PostgreSQL';

comment on column tenancy.membership.member is 'internal: the member';

comment on column tenancy.membership.role is 'internal: the role';

comment on column tenancy.membership.grantor is 'internal: who has granted it';

comment on column tenancy.membership.may_grant is 'internal: whether the member may grant the role, to itself too';

comment on column tenancy.membership.gives_role is 'internal: whether the member has the role''s rights or may become it';

revoke all on tenancy.membership from public;

create or replace function tenancy.holds_role(member name, role name) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select pg_has_role(member, role, 'usage')
      or pg_has_role(member, role, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
$function$;

comment on function tenancy.holds_role(name, name) is 'internal: whether a role has the rights of another or may become it';

revoke execute on function tenancy.holds_role(name, name) from public;

grant execute on function tenancy.holds_role(name, name) to public;

create or replace function tenancy.revoke_role_statement(role oid, member oid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(format(case when current_setting('server_version_num')::int < 160000 then 'revoke %I from %I' else 'revoke %I from %I granted by %I' end,
                           pg_get_userbyid(m.role), pg_get_userbyid(m.member), pg_get_userbyid(m.grantor)), '; ' order by m.grantor)
    from tenancy.membership m where m.role = revoke_role_statement.role and m.member = revoke_role_statement.member
$function$;

comment on function tenancy.revoke_role_statement(oid, oid) is 'internal: the statement that ends a membership';

revoke execute on function tenancy.revoke_role_statement(oid, oid) from public;

create or replace function tenancy.search_support(internal) returns internal
  language c strict as 'MODULE_PATHNAME', 'tenancy_search_support';

comment on function tenancy.search_support(internal) is 'internal: offers an index the built-in operator for its twin';

create or replace function tenancy.array_selectivity(internal, oid, internal, integer) returns double precision
  language c stable strict parallel safe as 'MODULE_PATHNAME', 'tenancy_array_selectivity';

comment on function tenancy.array_selectivity(internal, oid, internal, integer) is 'internal: estimates the array operators as their built-in twins';

create or replace function tenancy.text_search_match(tsvector, tsquery) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_text_search_match';

comment on function tenancy.text_search_match(tsvector, tsquery) is 'internal: text search match, raising nothing';

create operator tenancy.@@ (
  function = tenancy.text_search_match, leftarg = tsvector, rightarg = tsquery,
  restrict = pg_catalog.tsmatchsel, join = pg_catalog.tsmatchjoinsel);

comment on operator tenancy.@@ (tsvector, tsquery) is 'text search match, leakproof';

create or replace function tenancy.matches_like(text, text) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_like';

comment on function tenancy.matches_like(text, text) is 'internal: matches LIKE expression, raising nothing';

create operator tenancy.~~ (
  function = tenancy.matches_like, leftarg = text, rightarg = text,
  restrict = pg_catalog.likesel, join = pg_catalog.likejoinsel);

comment on operator tenancy.~~ (text, text) is 'matches LIKE expression, leakproof';

create or replace function tenancy.matches_ilike(text, text) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_ilike';

comment on function tenancy.matches_ilike(text, text) is 'internal: matches LIKE expression, case-insensitive, raising nothing';

create operator tenancy.~~* (
  function = tenancy.matches_ilike, leftarg = text, rightarg = text,
  restrict = pg_catalog.iclikesel, join = pg_catalog.iclikejoinsel);

comment on operator tenancy.~~* (text, text) is 'matches LIKE expression, case-insensitive, leakproof';

create or replace function tenancy.contains(jsonb, jsonb) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_jsonb_contains';

comment on function tenancy.contains(jsonb, jsonb) is 'internal: contains, raising nothing';

create operator tenancy.@> (
  function = tenancy.contains, leftarg = jsonb, rightarg = jsonb,
  restrict = pg_catalog.matchingsel, join = pg_catalog.matchingjoinsel);

comment on operator tenancy.@> (jsonb, jsonb) is 'contains, leakproof';

create or replace function tenancy.contains(text[], text[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';

comment on function tenancy.contains(text[], text[]) is 'internal: contains, raising nothing';

create operator tenancy.@> (
  function = tenancy.contains, leftarg = text[], rightarg = text[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.@> (text[], text[]) is 'contains, leakproof';

create or replace function tenancy.contains(integer[], integer[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';

comment on function tenancy.contains(integer[], integer[]) is 'internal: contains, raising nothing';

create operator tenancy.@> (
  function = tenancy.contains, leftarg = integer[], rightarg = integer[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.@> (integer[], integer[]) is 'contains, leakproof';

create or replace function tenancy.contains(bigint[], bigint[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';

comment on function tenancy.contains(bigint[], bigint[]) is 'internal: contains, raising nothing';

create operator tenancy.@> (
  function = tenancy.contains, leftarg = bigint[], rightarg = bigint[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.@> (bigint[], bigint[]) is 'contains, leakproof';

create or replace function tenancy.contains(uuid[], uuid[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_contains';

comment on function tenancy.contains(uuid[], uuid[]) is 'internal: contains, raising nothing';

create operator tenancy.@> (
  function = tenancy.contains, leftarg = uuid[], rightarg = uuid[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.@> (uuid[], uuid[]) is 'contains, leakproof';

create or replace function tenancy.overlaps(text[], text[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';

comment on function tenancy.overlaps(text[], text[]) is 'internal: overlaps, raising nothing';

create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = text[], rightarg = text[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.&& (text[], text[]) is 'overlaps, leakproof';

create or replace function tenancy.overlaps(integer[], integer[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';

comment on function tenancy.overlaps(integer[], integer[]) is 'internal: overlaps, raising nothing';

create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = integer[], rightarg = integer[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.&& (integer[], integer[]) is 'overlaps, leakproof';

create or replace function tenancy.overlaps(bigint[], bigint[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';

comment on function tenancy.overlaps(bigint[], bigint[]) is 'internal: overlaps, raising nothing';

create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = bigint[], rightarg = bigint[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.&& (bigint[], bigint[]) is 'overlaps, leakproof';

create or replace function tenancy.overlaps(uuid[], uuid[]) returns boolean
  language c immutable strict leakproof parallel safe cost 2 support tenancy.search_support as 'MODULE_PATHNAME', 'tenancy_array_overlap';

comment on function tenancy.overlaps(uuid[], uuid[]) is 'internal: overlaps, raising nothing';

create operator tenancy.&& (
  function = tenancy.overlaps, leftarg = uuid[], rightarg = uuid[],
  restrict = tenancy.array_selectivity, join = pg_catalog.arraycontjoinsel);

comment on operator tenancy.&& (uuid[], uuid[]) is 'overlaps, leakproof';

create operator class tenancy.tsvector_ops for type tsvector using gin as
  operator 1 tenancy.@@ (tsvector, tsquery),
  operator 2 pg_catalog.@@ (tsvector, tsquery),
  function 1 pg_catalog.gin_cmp_tslexeme(text, text),
  function 2 pg_catalog.gin_extract_tsvector(tsvector, internal, internal),
  function 3 pg_catalog.gin_extract_tsquery(tsvector, internal, smallint, internal, internal, internal, internal),
  function 4 pg_catalog.gin_tsquery_consistent(internal, smallint, tsvector, integer, internal, internal, internal, internal),
  function 5 pg_catalog.gin_cmp_prefix(text, text, smallint, internal),
  function 6 pg_catalog.gin_tsquery_triconsistent(internal, smallint, tsvector, integer, internal, internal, internal),
  storage text;

comment on operator class tenancy.tsvector_ops using gin is 'words of a tsvector, for full-text search under row security';

comment on operator family tenancy.tsvector_ops using gin is 'words of a tsvector, for full-text search under row security';

create operator class tenancy.jsonb_path_ops for type jsonb using gin as
  operator 7 tenancy.@> (jsonb, jsonb),
  function 1 pg_catalog.btint4cmp(integer, integer),
  function 2 pg_catalog.gin_extract_jsonb_path(jsonb, internal, internal),
  function 3 pg_catalog.gin_extract_jsonb_query_path(jsonb, internal, smallint, internal, internal, internal, internal),
  function 4 pg_catalog.gin_consistent_jsonb_path(internal, smallint, jsonb, integer, internal, internal, internal, internal),
  function 6 pg_catalog.gin_triconsistent_jsonb_path(internal, smallint, jsonb, integer, internal, internal, internal),
  storage integer;

comment on operator class tenancy.jsonb_path_ops using gin is 'paths of a document, for @> under row security';

comment on operator family tenancy.jsonb_path_ops using gin is 'paths of a document, for @> under row security';

revoke execute on function
  tenancy.search_support(internal), tenancy.array_selectivity(internal, oid, internal, integer),
  tenancy.text_search_match(tsvector, tsquery),
  tenancy.matches_like(text, text),
  tenancy.matches_ilike(text, text),
  tenancy.contains(jsonb, jsonb),
  tenancy.contains(text[], text[]),
  tenancy.contains(integer[], integer[]),
  tenancy.contains(bigint[], bigint[]),
  tenancy.contains(uuid[], uuid[]),
  tenancy.overlaps(text[], text[]),
  tenancy.overlaps(integer[], integer[]),
  tenancy.overlaps(bigint[], bigint[]),
  tenancy.overlaps(uuid[], uuid[])
from public;

grant execute on function
  tenancy.text_search_match(tsvector, tsquery),
  tenancy.matches_like(text, text),
  tenancy.matches_ilike(text, text),
  tenancy.contains(jsonb, jsonb),
  tenancy.contains(text[], text[]),
  tenancy.contains(integer[], integer[]),
  tenancy.contains(bigint[], bigint[]),
  tenancy.contains(uuid[], uuid[]),
  tenancy.overlaps(text[], text[]),
  tenancy.overlaps(integer[], integer[]),
  tenancy.overlaps(bigint[], bigint[]),
  tenancy.overlaps(uuid[], uuid[])
to public;

create or replace function tenancy.use_directory(accounts regclass, memberships regclass, set_password_hash regprocedure default null)
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

create or replace function tenancy.revoke(session_id uuid) returns boolean
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

create or replace function tenancy.require_operator(deed text, opened regprocedure default null) returns void
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

create or replace function tenancy.missing_protection(relation regclass, options jsonb, is_child boolean)
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
      -- Since PostgreSQL 18 a child may have a NOT NULL of its own beside the inherited one.
      if attribute.attnotnull and not exists (
           select from pg_inherits i join pg_attribute up on up.attrelid = i.inhparent and up.attname = attribute.attname and up.attnotnull
            where i.inhrelid = relation) then
        step := 'null allowed';
        statement := format('alter table %s alter column %I drop not null', relation, attribute.attname);
        return next;
      end if;
    -- PostgreSQL 18 also has NOT NULL that was not checked on the rows of before.
    elsif not attribute.attnotnull or exists (
            select from pg_constraint k where k.conrelid = relation and k.contype = 'n' and k.conkey[1] = attribute.attnum and not k.convalidated) then
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

create or replace function tenancy.run_step(relation regclass, step text, statement text) returns void
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
    -- Partitions are of one owner, and since PostgreSQL 18 they are to inherit the constraint.
    if exists (select from pg_class c where c.oid = relation and c.relkind = 'p') then
      tree := array[relation];
    end if;
    -- From the leaves up, each as its own owner: a child may be somebody else's. No policy keeps rows from ALTER TABLE.
    foreach member in array tree loop
      if exists (select from pg_attribute a where a.attrelid = member and a.attname = empty_column
                   and (not a.attnotnull or exists (select from pg_constraint k where k.conrelid = member and k.contype = 'n' and k.conkey[1] = a.attnum and not k.convalidated))) then
        perform tenancy.run_as_owner(member, format('alter table %s%s alter column %I set not null',
          case (select c.relkind from pg_class c where c.oid = member) when 'p' then '' else 'only ' end, member, empty_column));
      end if;
    end loop;
    return;
  exception when not_null_violation then
    null; -- counted below
  end;
  nulls := tenancy.run_on_rows(relation, array(select r from tenancy.with_children(relation) r), format('select count(*) from %s where %I is null', relation, empty_column));
  raise exception using
    errcode = 'not_null_violation',
    message = format('column %I of table %s holds NULL in %s rows', empty_column, relation, nulls),
    detail = 'Nobody would see such a row.',
    hint = 'Fill the column in each row, then call tenancy.protect() again. Rows for all tenants are protected with shared => true.';
end
$function$;

create or replace function tenancy.unprotect_relations(relations regclass[]) returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  guarded regclass[] := array(
    select r from unnest(relations) with ordinality as u (r, position)
     where exists (select from pg_policy p where p.polrelid = r and p.polname = any (tenancy.our_policies()))
     -- Parents first: their NOT NULL holds that of their children.
     order by (with recursive above (oid) as (
                 select i.inhparent from pg_inherits i where i.inhrelid = r
                 union
                 select i.inhparent from pg_inherits i join above on i.inhrelid = above.oid)
               select count(*) from above), u.position);
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

create or replace view tenancy.exposed_role as
  with recursive exposed (oid) as (
    select r.oid from pg_catalog.pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
    union
    -- Operators are people who answer for what they do: being one exposes nobody.
    select m.member from tenancy.membership m join exposed on m.role = exposed.oid
     where m.gives_role and m.member not in (select r.oid from pg_catalog.pg_roles r where r.rolname = 'tenancy_operator')
  )
  select r.oid, r.rolname as name, r.rolcanlogin as can_login
    from exposed join pg_catalog.pg_roles r on r.oid = exposed.oid
   where not r.rolsuper;

create or replace view tenancy.reachable_role as
  with recursive reach (exposed, role) as (
    select e.oid, e.oid from tenancy.exposed_role e
    union
    select reach.exposed, step.role
      from reach
      join (select m.member, m.role from tenancy.membership m where m.gives_role or m.may_grant
            union all
            select d.datdba, r.oid from pg_catalog.pg_database d, pg_catalog.pg_roles r
             where d.datname = pg_catalog.current_database() and r.rolname = 'pg_database_owner') step
        on step.member = reach.role
  )
  select reach.exposed, reach.role from reach;

create or replace function tenancy.refounded(foreign_key oid, child_tenant name, parent_tenant name, match_full boolean, with_tenant boolean)
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
    -- Of PostgreSQL 18: a key that is not enforced is not valid either.
    case when to_jsonb(key) ->> 'conenforced' = 'false' then ' not enforced' when not key.convalidated then ' not valid' else '' end)
  from key, emptied
$function$;

create or replace function tenancy.foreign_keys_of(relations regclass[])
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
             when (to_jsonb(k) ->> 'conperiod')::boolean then 'it refers to a period'
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

create or replace view tenancy.sessions with (security_barrier) as
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
          and tenancy.holds_role(session_user, 'tenancy_operator'));

create or replace function tenancy.define_rule(name name, severity text, title text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.rule values (define_rule.name, define_rule.severity, define_rule.title)
$function$;

create or replace function tenancy.open_foreign_keys()
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
           case when to_jsonb(o) ->> 'conenforced' = 'false' then ' not enforced' when not o.convalidated then ' not valid' else '' end)
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

create or replace function tenancy.loose_functions(kinds text[]) returns table (kind text, object text, function regprocedure, gain text, mend text)
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
           not tenancy.holds_role(pg_get_userbyid(f.proowner), pg_get_userbyid(c.relowner)) as foreign_owner
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

select tenancy.define_rule('maintain_granted', 'medium', 'MAINTAIN on a protected table in an attacker''s reach');

create or replace function tenancy.rule_maintain_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.* from tenancy.findings_of_rights(array['MAINTAIN'],
    '%s locks %s for all tenants, to cluster and reindex it as often as it likes, and since PostgreSQL 18 writes statistics of its own making for it') f
$function$;

create or replace view tenancy.exposed_step as
  with recursive step (member, role) as (
    select m.member, m.role from tenancy.membership m where m.gives_role or m.may_grant
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

create or replace function tenancy.give_away_statement(class oid, object oid, owner name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format(case when o.type in ('table', 'view', 'materialized view', 'foreign table', 'sequence', 'type', 'function', 'procedure', 'aggregate',
                                     'schema', 'database', 'large object', 'collation', 'domain')
                     then 'alter ' || o.type || ' ' || replace(o.identity, '%', '%%') || ' owner to %2$I' else 'reassign owned by %1$I to %2$I' end,
                owner,
                case when d.datdba in (select x.oid from tenancy.exposed_role x) then pg_get_userbyid(10) else pg_get_userbyid(d.datdba) end)
    from pg_database d cross join pg_identify_object(class, object, 0) o
   where d.datname = current_database()
$function$;

comment on function tenancy.give_away_statement(oid, oid, name) is 'internal: the statement that takes an object from its owner';

revoke execute on function tenancy.give_away_statement(oid, oid, name) from public;

create or replace function tenancy.rule_dangerous_role_attribute() returns setof tenancy.finding
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
         string_agg(tenancy.revoke_role_statement(s.first, s.exposed), '; ' order by s.first_name)
    from tenancy.exposed_step s join dangerous d on d.oid = s.role
   group by s.exposed_name, d.name, d.attributes
$function$;

create or replace function tenancy.rule_reaches_owner_or_predefined_role() returns setof tenancy.finding
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
        ('pg_create_subscription', 'lets the server connect to others and apply what they send'),
        ('pg_use_reserved_connections', 'takes the connections that are kept for operators'),
        ('pg_signal_autovacuum_worker', 'stops the cleaning of tables again and again')
      ) as named (role, power)
      join pg_roles r on r.rolname = named.role
  )
  -- The power of an owner is one's own, too.
  select format('role %I', e.name),
         format('statements that run as %I have its power: it %s', e.name, p.power),
         case when e.name in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
              then (select string_agg(tenancy.give_away_statement(s.classid, s.objid, e.name), '; ' order by s.classid, s.objid)
                      from pg_shdepend s
                     where s.refclassid = 'pg_authid'::regclass and s.refobjid = e.oid and s.deptype = 'o' and s.dbid in (0, d.oid) and s.objsubid = 0)
              else (select string_agg(tenancy.revoke_role_statement(m.role, e.oid), '; ' order by m.name)
                      from (select distinct m.role, x.name from tenancy.membership m join tenancy.exposed_role x on x.oid = m.role where m.member = e.oid) m) end
    from tenancy.exposed_role e
    join powerful p on p.oid = e.oid
    join pg_database d on d.datname = current_database()
  union all
  select format('role %I, which can become %I', s.exposed_name, r.rolname),
         format('SET ROLE takes statements of %I to %I: it %s', s.exposed_name, r.rolname, p.power),
         string_agg(tenancy.revoke_role_statement(s.first, s.exposed), '; ' order by s.first_name)
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

create or replace function tenancy.rule_powerful_login_role_can_become_app() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive app (oid) as (
    select r.oid from pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
    union
    select m.member from tenancy.membership m join app on m.role = app.oid
     where m.gives_role and m.member <> (select r.oid from pg_roles r where r.rolname = 'tenancy_operator')
  )
  -- Other powers have rules that list the role as exposed; superusers pass every test of membership, so they are found by name.
  select format('role %I', r.rolname),
         format('an application that signs in as %I and works as the roles of tenancy is one RESET ROLE away from being superuser', r.rolname),
         string_agg(tenancy.revoke_role_statement(m.role, r.oid), '; ' order by pg_get_userbyid(m.role))
    from pg_roles r
    join (select distinct m.member, m.role from tenancy.membership m where m.gives_role) m on m.member = r.oid and m.role in (select app.oid from app)
   where r.rolsuper and r.rolcanlogin
   group by r.rolname
$function$;

create or replace function tenancy.rule_app_role_owns_objects() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select pg_describe_object(s.classid, s.objid, 0),
         format('statements that run as its owner %I change or replace it, for all tenants', e.name),
         tenancy.give_away_statement(s.classid, s.objid, e.name)
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

create or replace function tenancy.hardening_right()
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
                         or o.oid = here.oid and r.rolcanlogin
                            and (pg_has_role(r.oid, 'tenancy_gateway', 'member') or pg_has_role(r.oid, 'tenancy_operator', 'member'))
                            and not pg_has_role(r.oid, 'tenancy_gateway', 'usage') and not pg_has_role(r.oid, 'tenancy_operator', 'usage')))
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

create or replace function tenancy.why_situation(table_name regclass,
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
                 when tenancy.holds_role(current_user, 'tenancy_user') then 'tenancy_user'
                 when tenancy.holds_role(current_user, 'tenancy_operator') then 'tenancy_admin'
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

create or replace function tenancy.isolation_pair(name text, probe tenancy.isolation_probe, changes text[], measure text) returns tenancy.isolation_line[]
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
  if exists (select from unnest(changes) c where c like 'grant pg\_%') and not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    return lines || tenancy.isolation_told(true, format('%s: without %s the suite notices', name, measure), null, 'only a superuser can try');
  end if;
  result := tenancy.isolation_under(changes, array[probe], false);
  return lines || tenancy.isolation_verdict(name, measure, result.wrong, result.failure);
end
$function$;

create or replace function tenancy.isolation_commands(protected tenancy.protection, tenant text, user_id text) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  target constant text := tenancy.isolation_quoted(protected.relation);
  unsealed constant text := 'set local tenancy.seal = off';
  -- Before the grant: since PostgreSQL 16 a membership keeps what the attribute was when it was granted.
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
    array[inheriting, 'grant pg_write_server_files to tenancy_user', unsealed], 'the seal and the missing right to write files')) p;
  probe.title := 'it is not copied to a program';
  probe.statement := format('copy (select * from %s) to program ''false''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe, null, null)) p;
  probe.title := 'it is not filled from a file';
  probe.statement := format('copy %s from ''/nonexistent/tenancy_isolation''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array[inheriting, 'grant pg_read_server_files to tenancy_user', unsealed, format('grant insert on %s to tenancy_user', target)],
    'the seal and the missing right to read files')) p;
end
$function$;
