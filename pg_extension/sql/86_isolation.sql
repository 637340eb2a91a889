-- The isolation suite, part one: acting as somebody else, and making rows that the constraints of a table accept.
-- Whatever may run code of a table's owner (defaults, domains, checks, triggers, casts) runs as that owner inside
-- tenancy.try_as_owner(), never as the superuser who may have called the suite. All of it happens in subtransactions
-- that tenancy.isolation_tests() rolls back.

create function tenancy.try_as_tenant(tenant text, user_id text, statement text, out rows bigint, out value text)
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_try_as_tenant';
comment on function tenancy.try_as_tenant(text, text, text) is
  'internal: runs one statement as tenancy_user with this context, which ends with it; user NULL: without a context';

create function tenancy.try_as_owner(table_name regclass, tenant text, user_id text, statement text, exempt boolean,
                                     out rows bigint, out value text)
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_try_as_owner';
comment on function tenancy.try_as_owner(regclass, text, text, text, boolean) is
  'internal: runs one statement as the owner of a table, in the way that a trial runs; exempt: row security is not forced on it';

-- ---------------------------------------------------------------- the hook
create table tenancy.isolation_value (
  relation regclass not null constraint isolation_value_pkey primary key,
  rows jsonb not null
);
comment on table tenancy.isolation_value is 'values that tenancy.isolation_tests() takes for the rows it makes; written by tenancy.isolation_rows()';
comment on column tenancy.isolation_value.relation is 'table';
comment on column tenancy.isolation_value.rows is 'array of objects, column to value; taken in turn';
revoke all on tenancy.isolation_value from public;
grant select on tenancy.isolation_value to pg_database_owner;
select pg_catalog.pg_extension_config_dump('tenancy.isolation_value', '');

create function tenancy.isolation_rows(table_name regclass, variadic rows jsonb[] default '{}') returns void
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  unrecognized text;
begin
  if not exists (select from pg_class c where c.oid = table_name) then
    raise exception using errcode = 'undefined_table', message = 'table does not exist';
  end if;
  if exists (select from unnest(rows) r where jsonb_typeof(r) is distinct from 'object') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a row is a JSON object',
      hint = 'select tenancy.isolation_rows(''s.t'', ''{"column": "value"}'', ''{"column": "another value"}'')';
  end if;
  select k into unrecognized
    from unnest(rows) r cross join jsonb_object_keys(r) k
   where not exists (select from pg_attribute a where a.attrelid = table_name and a.attname = k and a.attnum > 0 and not a.attisdropped)
   limit 1;
  if found then
    raise exception using
      errcode = 'undefined_column',
      message = format('table %s has no column %I', table_name, unrecognized),
      hint = 'Name the columns as pg_attribute does, without quotes of SQL.';
  end if;
  delete from tenancy.isolation_value v where v.relation = table_name;
  insert into tenancy.isolation_value select table_name, to_jsonb(rows) where cardinality(rows) > 0;
end
$function$;
comment on function tenancy.isolation_rows(regclass, jsonb[]) is
  'tells tenancy.isolation_tests() values for columns that it cannot make up, one JSON object for each row, taken in turn; without rows: forgets them';

-- ---------------------------------------------------------------- trials
-- A trial that leaves nothing: what it did is rolled back, what came out is told. witness is a statement that finds the
-- attacked row as its table's owner; touched tells that it does not any more.
-- elsewhere: the error comes from a trigger or function that the statement has called, not from the statement itself.
create function tenancy.isolation_try(relation regclass, tenant text, user_id text, statement text, witness text, as_owner boolean,
                                      out code text, out rows bigint, out value text, out message text, out touched boolean, out elsewhere boolean)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  context text;
begin
  touched := false;
  elsewhere := false;
  begin
    if as_owner then
      select t.rows, t.value into rows, value from tenancy.try_as_owner(relation, tenant, user_id, statement, false) t;
    else
      select t.rows, t.value into rows, value from tenancy.try_as_tenant(tenant, user_id, statement) t;
    end if;
    if witness is not null then
      select t.rows = 0 into touched from tenancy.try_as_owner(relation, null, null, witness, true) t;
    end if;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      code := case when rows is null then sqlstate else '00000' end; -- a trigger may know the word, too
    when others then
      get stacked diagnostics code = returned_sqlstate, message = message_text, context = pg_exception_context;
      elsewhere := not starts_with(context, 'SQL statement "' || left(statement, 60));
  end;
end
$function$;
comment on function tenancy.isolation_try(regclass, text, text, text, text, boolean) is 'internal: one trial, rolled back, with its outcome';

-- ---------------------------------------------------------------- rows
create function tenancy.isolation_quoted(relation regclass) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation
$function$;
comment on function tenancy.isolation_quoted(regclass) is 'internal: the schema-qualified name of a relation, for any search_path';
