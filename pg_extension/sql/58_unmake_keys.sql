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
