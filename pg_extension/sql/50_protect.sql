-- Policies. What protection asks of a table is computed from the catalog as a list of statements; protect() runs what
-- the list holds, so the same call again finds nothing to do. All of it runs with the caller's rights: the table's
-- owner, or a superuser. What was there before is kept in the comment of the policy tenancy_tenant, where pg_dump finds it.

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

create function tenancy.require_protectable(table_name regclass, tenant_column name) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation pg_class;
  column_type oid;
  column_collation oid;
begin
  select c.* into relation from pg_class c where c.oid = table_name;
  if not found then
    raise exception using errcode = 'undefined_table', message = 'table does not exist';
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
      hint = 'Protect the tables under it; make a view WITH (security_invoker = true).';
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
  if tenant_column is null then
    return; -- unprotect does not ask for the column
  end if;
  select a.atttypid, a.attcollation into column_type, column_collation
    from pg_attribute a
   where a.attrelid = relation.oid and a.attname = tenant_column and a.attnum > 0 and not a.attisdropped;
  if not found then
    raise exception using
      errcode = 'undefined_column',
      message = format('table %s has no column %I', table_name, tenant_column),
      hint = 'Name the column that holds the tenant: tenancy.protect(table, ''column'').';
  end if;
  if tenancy.reader_for(column_type) is null then
    raise exception using
      errcode = 'datatype_mismatch',
      message = format('column %I of table %s is of type %s', tenant_column, table_name, format_type(column_type, null)),
      hint = 'A tenant column is bigint, integer, uuid or text.';
  end if;
  if exists (select from pg_collation c where c.oid = column_collation and not c.collisdeterministic) then
    raise exception using
      errcode = 'datatype_mismatch',
      message = format('column %I of table %s has a collation in which different tenants are equal', tenant_column, table_name),
      hint = 'Give the tenant column a deterministic collation.';
  end if;
end
$function$;
comment on function tenancy.require_protectable(regclass, name) is 'internal: refuses what cannot be protected, with the reason';

-- Rights that a role has on the table itself, in alphabetical order.
create function tenancy.granted_on(table_name regclass, role_name name) returns text[]
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(array_agg(lower(g.privilege_type) order by g.privilege_type), '{}')
    from pg_class c cross join aclexplode(c.relacl) g
   where c.oid = table_name and g.grantee = role_name::text::regrole
$function$;
comment on function tenancy.granted_on(regclass, name) is 'internal: rights granted on a table to one role by name';

-- The statements that are missing for the protection of one relation.
create function tenancy.missing_protection(table_name regclass, tenant_column name, access text, is_child boolean)
  returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation pg_class;
  attribute pg_attribute;
  reader text;
  predicate text;
  target text := table_name::text;
  key_columns int2[];
  wanted record;
begin
  select c.* into strict relation from pg_class c where c.oid = table_name;
  select a.* into strict attribute from pg_attribute a where a.attrelid = relation.oid and a.attname = tenant_column;
  reader := tenancy.reader_for(attribute.atttypid);
  predicate := format('(%I = %s)', tenant_column, reader);

  -- Policies before row security is enabled: nobody is locked out in between, and nobody is let in.
  for wanted in
    select p.policy, p.permissive, p.role_name, p.expression,
           format('create policy %I on %s as %s for all to %s using (%s) with check (%s)', p.policy, target,
                  case when p.permissive then 'permissive' else 'restrictive' end, p.role_name, p.expression, p.expression) as sql
      from (values
        ('tenancy_tenant'::name, true, 'public', predicate),
        ('tenancy_wall'::name, false, 'tenancy_user', predicate),
        ('tenancy_bypass'::name, true, 'tenancy_admin', 'tenancy.bypassing()'),
        -- Who gets at the role tenancy_admin inside a tenant's context has no more rights there, but fewer.
        ('tenancy_bypass_wall'::name, false, 'tenancy_admin', 'tenancy.bypassing()')
      ) as p (policy, permissive, role_name, expression)
  loop
    if exists (
      select from pg_policy p
       where p.polrelid = relation.oid and p.polname = wanted.policy and p.polcmd = '*'
         and p.polpermissive = wanted.permissive
         and p.polroles = array[case wanted.role_name when 'public' then 0 else wanted.role_name::regrole::oid end]
         and pg_get_expr(p.polqual, p.polrelid) = wanted.expression
         and pg_get_expr(p.polwithcheck, p.polrelid) = wanted.expression) then
      continue;
    end if;
    if exists (select from pg_policy p where p.polrelid = relation.oid and p.polname = wanted.policy) then
      step := 'replace policy';
      statement := format('drop policy %I on %s; %s', wanted.policy, target, wanted.sql);
    else
      step := 'create policy';
      statement := wanted.sql;
    end if;
    return next;
  end loop;

  if not relation.relrowsecurity then
    step := 'enable row security';
    statement := format('alter table %s enable row level security', target);
    return next;
  end if;
  if not relation.relforcerowsecurity then
    step := 'force row security';
    statement := format('alter table %s force row level security', target);
    return next;
  end if;
  if is_child then
    return; -- default, NOT NULL and index come down from the parent; rights are checked on the parent
  end if;

  select i.indkey::int2[] into key_columns from pg_index i where i.indrelid = relation.oid and i.indisprimary;

  -- A table of tenants, whose key the column is, has no tenant to default to.
  if not attribute.atthasdef and attribute.attidentity = ''
     and not coalesce(cardinality(key_columns) = 1 and attribute.attnum = any (key_columns), false) then
    step := 'default from the context';
    statement := format('alter table %s alter column %I set default %s', target, tenant_column, reader);
    return next;
  end if;
  if not attribute.attnotnull then
    step := 'not null';
    statement := format('alter table %s alter column %I set not null', target, tenant_column);
    return next;
  end if;
  if not exists (select from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_am am on am.oid = ic.relam
                  where i.indrelid = relation.oid and i.indisvalid and i.indpred is null and am.amname = 'btree'
                    and (i.indkey::int2[])[0] = attribute.attnum) then
    step := 'index led by the tenant';
    statement := format('create index %I on %s (%s)',
      left(relation.relname, 40) || '_tenancy_idx', target,
      (select string_agg(quote_ident(a.attname), ', ' order by k.position)
         from (select attribute.attnum as attnum, 0::bigint as position
               union all
               select u.attnum, u.position
                 from unnest(key_columns) with ordinality as u (attnum, position)
                where u.attnum <> attribute.attnum) k
         join pg_attribute a on a.attrelid = relation.oid and a.attnum = k.attnum));
    return next;
  end if;

  for wanted in
    select g.role_name, g.privileges
      from (values
        ('tenancy_user'::name, case access when 'read' then array['select'] else array['delete', 'insert', 'select', 'update'] end),
        ('tenancy_admin'::name, array['delete', 'insert', 'select', 'update'])
      ) as g (role_name, privileges)
  loop
    if tenancy.granted_on(table_name, wanted.role_name) <> wanted.privileges then
      step := 'rights';
      statement := format('revoke all on %s from %I; grant %s on %s to %I', target, wanted.role_name,
                          array_to_string(wanted.privileges, ', '), target, wanted.role_name);
      return next;
    end if;
  end loop;
  -- A serial column draws its default from a sequence of its own; identity columns need no right.
  for wanted in
    select s.oid::regclass as sequence, r.role_name
      from pg_depend d
      join pg_class s on s.oid = d.objid and s.relkind = 'S'
      cross join (values ('tenancy_user'::name), ('tenancy_admin'::name)) as r (role_name)
     where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
       and d.refobjid = relation.oid and d.deptype = 'a'
       and (r.role_name = 'tenancy_admin' or access = 'write')
       and not 'usage' = any (tenancy.granted_on(s.oid::regclass, r.role_name))
  loop
    step := 'rights';
    statement := format('grant usage on sequence %s to %I', wanted.sequence, wanted.role_name);
    return next;
  end loop;
end
$function$;
comment on function tenancy.missing_protection(regclass, name, text, boolean) is 'internal: the statements that are missing for the protection of one relation';

-- How the relation was before: what unprotect() goes back to.
create function tenancy.state_before(table_name regclass, tenant_column name, missing text[]) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'column', tenant_column,
    'row_security', c.relrowsecurity,
    'forced', c.relforcerowsecurity,
    'default_set', 'default from the context' = any (missing),
    'not_null_set', 'not null' = any (missing),
    'index_made', 'index led by the tenant' = any (missing),
    'tenancy_user', to_jsonb(tenancy.granted_on(table_name, 'tenancy_user')),
    'tenancy_admin', to_jsonb(tenancy.granted_on(table_name, 'tenancy_admin')),
    'sequences', (
      select coalesce(jsonb_agg(jsonb_build_object('column', a.attname, 'role', r.role_name)), '[]')
        from pg_depend d
        join pg_class s on s.oid = d.objid and s.relkind = 'S'
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        cross join (values ('tenancy_user'::name), ('tenancy_admin'::name)) as r (role_name)
       where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
         and d.refobjid = c.oid and d.deptype = 'a'
         and 'usage' = any (tenancy.granted_on(s.oid::regclass, r.role_name))))
  from pg_class c where c.oid = table_name
$function$;
comment on function tenancy.state_before(regclass, name, text[]) is 'internal: what unprotect() restores';

create function tenancy.protect(table_name regclass, tenant_column name default 'tenant_id', access text default 'write')
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  marker constant text := 'Rows of the current tenant only, made by tenancy.protect(). Before: ';
  relation regclass;
  before jsonb;
  nulls bigint;
  changed boolean := false;
  missing record;
begin
  if table_name is null or tenant_column is null then
    raise exception using errcode = 'null_value_not_allowed', message = 'protect needs a table and a column';
  end if;
  if access is null or access not in ('read', 'write') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('unrecognized access "%s"', access),
      hint = 'Access is ''write'' (tenants read and change their rows) or ''read'' (tenants only read them).';
  end if;
  perform tenancy.require_protectable(table_name, tenant_column);

  for relation in select r from tenancy.with_children(table_name) r loop
    perform tenancy.require_protectable(relation, tenant_column);
    select tenancy.state_before(relation, tenant_column, array_agg(m.step)) into before
      from tenancy.missing_protection(relation, tenant_column, access, relation <> table_name) m;
    if not exists (select from pg_policy p where p.polrelid = relation and p.polname = 'tenancy_tenant') then
      changed := true;
    else
      before := null; -- protected before: the first note stays
    end if;

    for missing in select m.* from tenancy.missing_protection(relation, tenant_column, access, relation <> table_name) m loop
      if missing.step = 'not null' and (before is null or not (before ->> 'row_security')::boolean) then
        -- Counted before row security hides rows from a forced owner; ALTER TABLE itself refuses the rest.
        execute format('select count(*) from %s where %I is null', relation, tenant_column) into nulls;
        if nulls > 0 then
          raise exception using
            errcode = 'not_null_violation',
            message = format('column %I of table %s holds NULL in %s rows', tenant_column, relation, nulls),
            detail = 'A row without a tenant would be nobody''s.',
            hint = 'Give each row a tenant, then call tenancy.protect() again.';
        end if;
      end if;
    end loop;
    for missing in select m.* from tenancy.missing_protection(relation, tenant_column, access, relation <> table_name) m loop
      execute missing.statement;
      step := missing.step;
      statement := missing.statement;
      changed := true;
      return next;
    end loop;
    if before is not null then
      execute format('comment on policy tenancy_tenant on %s is %L', relation, marker || before);
    end if;
  end loop;

  if not changed then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.protect(regclass, name, text) is
  'makes a table safe: row security forced, policies, default, NOT NULL, index and rights, for its partitions and children too; tells each statement it ran';

create function tenancy.unprotect(table_name regclass)
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation regclass;
  before jsonb;
  tenant_column name;
  role_name name;
  privileges text[];
  changed boolean := false;
  undo record;
begin
  if table_name is null then
    raise exception using errcode = 'null_value_not_allowed', message = 'unprotect needs a table';
  end if;
  perform tenancy.require_protectable(table_name, null);

  for relation in select r from tenancy.with_children(table_name) r loop
    select substring(obj_description(p.oid, 'pg_policy') from 'Before: (.*)$')::jsonb into before
      from pg_policy p where p.polrelid = relation and p.polname = 'tenancy_tenant';
    if not found then
      continue;
    end if;
    changed := true;
    tenant_column := before ->> 'column';

    for undo in
      select 'drop policy' as step, format('drop policy %I on %s', p.polname, relation) as sql
        from pg_policy p
       where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_wall', 'tenancy_bypass', 'tenancy_bypass_wall')
      union all
      select 'row security as it was', format('alter table %s no force row level security', relation)
       where not (before ->> 'forced')::boolean
      union all
      select 'row security as it was', format('alter table %s disable row level security', relation)
       where not (before ->> 'row_security')::boolean
      union all
      select 'no default', format('alter table %s alter column %I drop default', relation, tenant_column)
       where relation = table_name and (before ->> 'default_set')::boolean
         and exists (select from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
                      where d.adrelid = relation and a.attname = tenant_column
                        and pg_get_expr(d.adbin, d.adrelid) = tenancy.reader_for(a.atttypid))
      union all
      select 'null allowed', format('alter table %s alter column %I drop not null', relation, tenant_column)
       where relation = table_name and (before ->> 'not_null_set')::boolean
      union all
      select 'drop index', format('drop index %I.%I', n.nspname, ic.relname)
        from pg_index i
        join pg_class ic on ic.oid = i.indexrelid
        join pg_namespace n on n.oid = ic.relnamespace
        join pg_class c on c.oid = i.indrelid
       where i.indrelid = relation and relation = table_name and (before ->> 'index_made')::boolean
         and ic.relname = left(c.relname, 40) || '_tenancy_idx'
      union all
      select 'rights as they were', format('revoke usage on sequence %s from %I', s.oid::regclass, r.role_name)
        from pg_depend d
        join pg_class s on s.oid = d.objid and s.relkind = 'S'
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        cross join (values ('tenancy_user'::name), ('tenancy_admin'::name)) as r (role_name)
       where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
         and d.refobjid = relation and relation = table_name and d.deptype = 'a'
         and 'usage' = any (tenancy.granted_on(s.oid::regclass, r.role_name))
         and not before -> 'sequences' @> jsonb_build_array(jsonb_build_object('column', a.attname, 'role', r.role_name))
    loop
      execute undo.sql;
      step := undo.step;
      statement := undo.sql;
      return next;
    end loop;

    if relation = table_name then
      foreach role_name in array array['tenancy_user', 'tenancy_admin']::name[] loop
        -- Words of the comment become part of a statement, and a table's owner can rewrite the comment: known ones only.
        select coalesce(array_agg(p), '{}') into privileges
          from jsonb_array_elements_text(before -> role_name::text) p
         where p in ('delete', 'insert', 'references', 'select', 'trigger', 'truncate', 'update', 'maintain');
        if tenancy.granted_on(relation, role_name) <> privileges then
          step := 'rights as they were';
          statement := format('revoke all on %s from %I', relation, role_name);
          if privileges <> '{}' then
            statement := statement || format('; grant %s on %s to %I', array_to_string(privileges, ', '), relation, role_name);
          end if;
          execute statement;
          return next;
        end if;
      end loop;
    end if;
  end loop;

  if not changed then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.unprotect(regclass) is
  'takes tenancy.protect() back: policies, row security, default, NOT NULL, index and rights are as they were before';

revoke execute on function
  tenancy.reader_for(oid), tenancy.with_children(regclass), tenancy.require_protectable(regclass, name),
  tenancy.granted_on(regclass, name), tenancy.missing_protection(regclass, name, text, boolean),
  tenancy.state_before(regclass, name, text[]), tenancy.protect(regclass, name, text), tenancy.unprotect(regclass)
from public;
grant execute on function
  tenancy.reader_for(oid), tenancy.with_children(regclass), tenancy.require_protectable(regclass, name),
  tenancy.granted_on(regclass, name), tenancy.missing_protection(regclass, name, text, boolean),
  tenancy.state_before(regclass, name, text[]), tenancy.protect(regclass, name, text), tenancy.unprotect(regclass)
to pg_database_owner;
