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
