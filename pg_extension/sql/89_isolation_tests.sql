-- The isolation suite, part seven: the suite.

-- Two tenants of a type: those with rows in most tables. NULL where there are none.
create function tenancy.isolation_tenants(tables tenancy.protection[], of_category "char") returns text[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  protected tenancy.protection;
  found_values text[] := '{}';
  direction text;
begin
  foreach protected in array tables loop
    if protected.kind = 'tenant' and (select t.typcategory from pg_type t where t.oid = protected.tenant_type) = of_category then
      foreach direction in array array['asc', 'desc'] loop
        begin
          found_values := found_values || (select t.value from tenancy.try_as_owner(protected.relation, null, null, format(
            'select t.%I from %s t where t.%I is not null order by t.%I %s limit 1', protected.tenant_column,
            tenancy.isolation_quoted(protected.relation), protected.tenant_column, protected.tenant_column, direction), true) t);
        exception when insufficient_privilege then
          null; -- told by the lines of that table
        end;
      end loop;
    end if;
  end loop;
  return array(select v from unnest(found_values) v where v is not null group by v order by count(*) desc, v limit 2);
end
$function$;
comment on function tenancy.isolation_tenants(tenancy.protection[], "char") is 'internal: two tenants that have rows in many tables';

-- A user of the tenant, from the directory where one is registered.
create function tenancy.isolation_user(tenant text, number int) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  memberships regclass := (select d.memberships from tenancy.directory d);
  found_user text;
begin
  if memberships is not null then
    select t.value into found_user from tenancy.try_as_owner(memberships, null, null, format(
      'select m.user_id::pg_catalog.text from %s m where m.tenant_id::pg_catalog.text = %L order by 1 limit 1', tenancy.isolation_quoted(memberships), tenant), true) t;
  end if;
  return coalesce(found_user, number::text);
exception when others then
  return number::text;
end
$function$;
comment on function tenancy.isolation_user(text, int) is 'internal: a user of a tenant';

-- A name may hold what would be a directive of TAP, or a line of its own.
create function tenancy.isolation_tap(number int, line tenancy.isolation_line) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s %s - %s%s', case when (line).ok then 'ok' else 'not ok' end, number,
                replace(replace(regexp_replace((line).title, '[\n\r]', ' ', 'g'), '\', '\\'), '#', '\#'), ' # SKIP ' || (line).skipped)
$function$;
comment on function tenancy.isolation_tap(int, tenancy.isolation_line) is 'internal: a line of TAP with its number';

-- What there is to try, in its order: tables that have lost their protection, wholly or in part, then the protected ones with
-- the two tenants of each.
create function tenancy.isolation_plan(schema_name regnamespace, tenant_a text, tenant_b text)
  returns table (relation regclass, is_lost boolean, pair text[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  tables tenancy.protection[];
  protected tenancy.protection;
  pairs jsonb := '{}';
  tenants text[];
  category "char";
begin
  tables := array(select p from tenancy.protection p join pg_class c on c.oid = p.relation
                   where not p.is_child and (schema_name is null or c.relnamespace = schema_name)
                   order by c.relnamespace::regnamespace::text, c.relname);
  for category in select distinct t.typcategory from unnest(tables) p join pg_type t on t.oid = p.tenant_type loop
    tenants := coalesce(array[tenant_a, tenant_b], '{}');
    if tenant_a is null then
      tenants := tenancy.isolation_tenants(tables, category);
      -- A table of tenants may want them to be there: it is asked to make them like any other parent.
      tenants := tenants || (select array_agg(tenancy.isolation_invented(p.relation, p.tenant_attnum, n) order by n)
                               from (select p.* from unnest(tables) p join pg_type t on t.oid = p.tenant_type where t.typcategory = category limit 1) p, generate_series(1, 2) n);
    end if;
    pairs := pairs || jsonb_build_object(category, tenants);
  end loop;

  return query
    select c.oid::regclass, true, '{}'::text[]
      from pg_class c
     where c.relkind in ('r', 'p') and (schema_name is null or c.relnamespace = schema_name)
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname in ('tenancy_tenant', 'tenancy_reference'))
       and (exists (select from pg_policy l where l.polrelid = c.oid and l.polname like 'tenancy\_%')
            or not c.relispartition and has_any_column_privilege('tenancy_user', c.oid, 'select, insert, update')
               and exists (select from pg_attribute a join unnest(tables) p on p.tenant_column = a.attname and p.tenant_type = a.atttypid and not p.registry
                            where a.attrelid = c.oid and not a.attisdropped))
     order by 1;

  foreach protected in array tables loop
    category := (select t.typcategory from pg_type t where t.oid = protected.tenant_type);
    relation := protected.relation;
    is_lost := false;
    -- A table without a tenant column is tried by whichever tenant there is.
    pair := array(select jsonb_array_elements_text(coalesce(pairs -> category::text, (select e.value from jsonb_each(pairs) e limit 1), '["1", "2"]')));
    return next;
  end loop;
end
$function$;
comment on function tenancy.isolation_plan(regnamespace, text, text) is
  'internal: the tables that the suite tries, each with two tenants, after those that have lost their protection';

-- All lines of one entry of the plan.
create function tenancy.isolation_lines(relation regclass, is_lost boolean, pair text[]) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  protected tenancy.protection;
begin
  select p.* into protected from tenancy.protection p where p.relation = isolation_lines.relation;
  if is_lost or not found then
    return next tenancy.isolation_told(false, format('%s: it is protected', relation),
      array[format('Tenants have rights to it, or had policies on it. Run: select * from tenancy.protect(%s, …);',
                   quote_literal(regexp_replace(relation::text, '[\n\r]', ' ', 'g')))]);
    return;
  end if;
  return query select * from tenancy.isolation_table(protected, pair[1], pair[2], tenancy.isolation_user(pair[1], 1), tenancy.isolation_user(pair[2], 2));
end
$function$;
comment on function tenancy.isolation_lines(regclass, boolean, text[]) is 'internal: the lines of one table of the plan';

create function tenancy.isolation_notes(line tenancy.isolation_line) returns setof text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select l from unnest((line).notes) n cross join regexp_split_to_table(n, '[\n\r]+') l where n is not null
$function$;
comment on function tenancy.isolation_notes(tenancy.isolation_line) is 'internal: what is told of a line that failed, line by line';

create function tenancy.isolation_tests(schema_name regnamespace default null, tenant_a text default null, tenant_b text default null)
  returns setof text
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
  set row_security = on
  set lock_timeout = '10s'
as $function$
declare
  step record;
  line tenancy.isolation_line;
  number int := 0;
  failed int := 0;
begin
  if (tenant_a is null) <> (tenant_b is null) or tenant_a = tenant_b then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'isolation is tried between two tenants',
      hint = 'Give two different tenants, or none: then two are found or made.';
  end if;
  perform tenancy.try_as_tenant(null, null, 'select 1'); -- refuses who may not, and an attached transaction

  for step in select p.* from tenancy.isolation_plan(schema_name, tenant_a, tenant_b) p loop
    for line in select l.* from tenancy.isolation_lines(step.relation, step.is_lost, step.pair) l loop
      number := number + 1;
      return next tenancy.isolation_tap(number, line);
      if line.ok is not true then
        failed := failed + 1;
        return query select '# ' || n from tenancy.isolation_notes(line) n;
      end if;
    end loop;
  end loop;

  if number = 0 then
    number := 1;
    failed := 1;
    return next 'not ok 1 - there is a protected table';
    return next format('# Nothing is protected%s. Begin with tenancy.protect() or tenancy.protect_all().', ' in schema ' || schema_name::text);
  end if;
  return next format('1..%s', number);
  if failed > 0 then
    return next format('# %s of %s failed', failed, number);
  end if;
end
$function$;
comment on function tenancy.isolation_tests(regnamespace, text, text) is
  'tries each protected table across two tenants, and once more without each counter-measure, and tells the outcome as lines of TAP; changes nothing';

grant select on tenancy.directory to pg_database_owner;
do $rights$
declare
  ours regprocedure;
begin
  for ours in
    select p.oid from pg_catalog.pg_proc p
     where p.pronamespace = 'tenancy'::pg_catalog.regnamespace and p.proname ~ '^(isolation_|try_as_)'
  loop
    execute pg_catalog.format('revoke execute on function %s from public', ours);
    execute pg_catalog.format('grant execute on function %s to pg_database_owner', ours);
  end loop;
end
$rights$;
grant usage on type tenancy.isolation_probe, tenancy.isolation_line to pg_database_owner;
