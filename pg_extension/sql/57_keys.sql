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
    -- Of PostgreSQL 18: a key that is not enforced is not valid either.
    case when to_jsonb(key) ->> 'conenforced' = 'false' then ' not enforced' when not key.convalidated then ' not valid' else '' end)
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
