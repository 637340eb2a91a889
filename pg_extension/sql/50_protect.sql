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
