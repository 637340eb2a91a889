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
comment on function tenancy.missing_protection(regclass, jsonb, boolean) is 'internal: the statements that are missing for the protection of one relation';

revoke execute on function
  tenancy.wanted_policies(regclass, jsonb), tenancy.our_policies(), tenancy.policy_command(text),
  tenancy.missing_policies(regclass, jsonb), tenancy.free_name(regclass, text), tenancy.missing_protection(regclass, jsonb, boolean)
from public;
grant execute on function
  tenancy.wanted_policies(regclass, jsonb), tenancy.our_policies(), tenancy.policy_command(text),
  tenancy.missing_policies(regclass, jsonb), tenancy.free_name(regclass, text), tenancy.missing_protection(regclass, jsonb, boolean)
to pg_database_owner;
