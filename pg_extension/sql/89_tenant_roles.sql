-- Roles inside a tenant: the column role of the directory's memberships view, known to the context since attach.
-- restrict() makes restrictive policies only: nothing here lets anybody see or write a row more.

create function tenancy.role() returns text
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_role';
comment on function tenancy.role() is 'role of the user inside the tenant of the current context; NULL: none, or no context';

create function tenancy.has_role(variadic roles text[]) returns boolean
  language c stable leakproof parallel safe as 'MODULE_PATHNAME', 'tenancy_has_role';
comment on function tenancy.has_role(text[]) is
  'whether the user has one of these roles inside the tenant, for policies; NULL without a role, which closes a policy that negates it too';

revoke execute on function tenancy.role(), tenancy.has_role(text[]) from public;
grant execute on function tenancy.role(), tenancy.has_role(text[]) to public;

-- The commands that one word stands for.
create function tenancy.restricted_commands(command text) returns text[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if command in ('select', 'insert', 'update', 'delete', 'all') then
    return array[command];
  elsif command = 'write' then
    return array['insert', 'update', 'delete'];
  end if;
  raise exception using
    errcode = case when command is null then 'null_value_not_allowed' else 'invalid_parameter_value' end,
    message = 'this is no command that can be restricted',
    hint = 'One of select, insert, update, delete, write (the last three) and all.';
end
$function$;
comment on function tenancy.restricted_commands(text) is 'internal: the commands of the policies that restrict() makes for one word';

create function tenancy.restriction_policies() returns name[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select array['tenancy_restrict_select', 'tenancy_restrict_insert', 'tenancy_restrict_update', 'tenancy_restrict_delete', 'tenancy_restrict_all']::name[]
$function$;
comment on function tenancy.restriction_policies() is 'internal: names of all policies that tenancy.restrict() makes';

create function tenancy.require_restrictable(table_name regclass) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if table_name is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a restriction needs a table',
      hint = 'tenancy.restrict(''schema.table'', ''write'', array[''editor''])';
  end if;
  perform tenancy.require_table(table_name);
end
$function$;
comment on function tenancy.require_restrictable(regclass) is 'internal: refuses what is no table that can be restricted, with the reason';

create function tenancy.restrict(table_name regclass, command text, roles text[])
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  commands text[] := tenancy.restricted_commands(command);
  condition text;
  relation regclass;
  one text;
  policy name;
begin
  perform tenancy.require_restrictable(table_name);
  if roles is null or cardinality(roles) = 0 or array_ndims(roles) > 1 or array_position(roles, null) is not null
     or exists (select from unnest(roles) r (name) where octet_length(r.name) not between 1 and 255) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the roles that keep the command are a list of one or more names',
      detail = 'A name has 1 to 255 bytes; NULL is none.',
      hint = 'tenancy.restrict(table, ''write'', array[''editor'']). To take a right from all tenants protect the table with access => ''read''.';
  end if;
  if not exists (select from tenancy.protection p where p.relation = table_name) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('table %s is not protected', table_name),
      hint = format('select * from tenancy.protect(%L) first: a restriction narrows what a tenant may do.', table_name::text);
  end if;
  -- For everybody, so that it holds the owner's views and functions as well; a bypass context has no role and needs none.
  condition := format('(tenancy.bypassing() or tenancy.has_role(variadic %L::text[]))', roles);
  foreach one in array commands loop
    policy := 'tenancy_restrict_' || one;
    for relation in select r from tenancy.with_children(table_name) r loop
      if exists (select from pg_policy p where p.polrelid = relation and p.polname = policy) then
        step := 'drop policy';
        statement := format('drop policy %I on %s', policy, relation);
        execute statement;
        return next;
      end if;
      step := 'create policy';
      statement := format('create policy %I on %s as restrictive for %s to public', policy, relation, one)
        || case when one <> 'insert' then ' using ' || condition else '' end
        || case when one in ('insert', 'update', 'all') then ' with check ' || condition else '' end;
      execute statement;
      return next;
    end loop;
  end loop;
end
$function$;
comment on function tenancy.restrict(regclass, text, text[]) is
  'lets only users with one of these roles inside the tenant run a command on a protected table: select, insert, update, delete, write or all; never more than the tenant could';

create function tenancy.unrestrict(table_name regclass, command text)
  returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  commands text[] := tenancy.restricted_commands(command);
  found_one boolean := false;
begin
  perform tenancy.require_restrictable(table_name);
  for step, statement in
    select 'drop policy', format('drop policy %I on %s', p.polname, p.polrelid::regclass)
      from tenancy.with_children(table_name) r
      join pg_policy p on p.polrelid = r
      join unnest(commands) c (command) on p.polname = 'tenancy_restrict_' || c.command
  loop
    found_one := true;
    execute statement;
    return next;
  end loop;
  if not found_one then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.unrestrict(regclass, text) is 'takes a restriction of tenancy.restrict() back; by the same word';

revoke execute on function
  tenancy.restricted_commands(text), tenancy.restriction_policies(), tenancy.require_restrictable(regclass),
  tenancy.restrict(regclass, text, text[]), tenancy.unrestrict(regclass, text)
from public;
grant execute on function
  tenancy.restricted_commands(text), tenancy.restriction_policies(), tenancy.require_restrictable(regclass),
  tenancy.restrict(regclass, text, text[]), tenancy.unrestrict(regclass, text)
to pg_database_owner;
