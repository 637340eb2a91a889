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
