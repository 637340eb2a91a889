-- Why a row is not seen or a write is refused. What the caller may find out by statements of his own is found out so, with
-- his rights and under his policies: a tenant gets the same answer for a row of others and for none, after the same work. Who
-- answers for the table is told more, by the one function that looks past the policies.
--
-- No code of a table's owner runs as a superuser: policies do not hold superusers, so theirs are never evaluated, and rows
-- are looked up as the table's owner. Columns are compared as built-in types or in their text form, never through a cast
-- that somebody made.

create function tenancy.key_condition(table_name regclass, key jsonb) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  attribute record;
  conditions text[];
begin
  if key is null or jsonb_typeof(key) <> 'object' or key = '{}' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'a key is a JSON object of columns and values',
      hint = format('For example: tenancy.why(%L, ''{"id": 6}''::jsonb).', table_name::text);
  end if;
  for attribute in
    select k.name, a.attname, a.attnum, key -> k.name = 'null' as is_null,
           -- With an operator of its own in pg_catalog, so that an index serves.
           (select b.typname
              from pg_type t
              join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
             where t.oid = a.atttypid and b.typtype = 'b' and b.typnamespace = 'pg_catalog'::regnamespace
               and (b.oid = 'varchar'::regtype
                    or exists (select from pg_operator o
                                where o.oprname = '=' and o.oprnamespace = 'pg_catalog'::regnamespace
                                  and o.oprleft = b.oid and o.oprright = b.oid))) as type_name
      from jsonb_object_keys(key) k (name)
      left join pg_attribute a on a.attrelid = table_name and a.attname = k.name and a.attnum > 0 and not a.attisdropped
     order by k.name
  loop
    if attribute.attname is null then
      raise exception using
        errcode = 'undefined_column',
        message = format('table %s has no column %I', table_name, attribute.name),
        hint = 'Name columns as the table has them, in their own upper and lower case.';
    end if;
    conditions := conditions || case
      when attribute.is_null then format('t.%I is null', attribute.attname)
      when attribute.type_name is not null then
        format('t.%I operator(pg_catalog.=) ($1 operator(pg_catalog.->>) %L)::pg_catalog.%I',
               attribute.attname, attribute.attname, attribute.type_name)
      else
        format('pg_catalog.format(''%%s'', t.%I) operator(pg_catalog.=) ($1 operator(pg_catalog.->>) %L)',
               attribute.attname, attribute.attname)
    end;
  end loop;
  return array_to_string(conditions, ' and ');
end
$function$;
comment on function tenancy.key_condition(regclass, jsonb) is
  'internal: the condition that finds the row t of a table by its key $1, through built-in operators alone';

-- What is asked as the table's owner: the facts that may be told, and the row for its policies.
create function tenancy.look_statement(table_name regclass, key jsonb, by_primary_key boolean) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  condition text := tenancy.key_condition(table_name, key);
  protected record;
begin
  if by_primary_key and exists (
    select from jsonb_object_keys(key) k
     where not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
                        where i.indrelid = table_name and i.indisprimary and a.attname = k)) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('permission denied to look for rows of %s by other columns than its primary key', table_name),
      hint = 'Ask as the owner of the table.';
  end if;
  select p.* into protected from tenancy.protected p where p.table_name = look_statement.table_name;
  return format('select pg_catalog.jsonb_build_object(%s), t from %s t where %s limit 1',
                (select string_agg(format('%L, case when t.%I is not null then pg_catalog.format(''%%s'', t.%2$I) end', c.label, c.name), ', ')
                   from (values ('tenant', protected.tenant_column), ('user', protected.owner_column)) as c (label, name)
                  where c.name is not null),
                table_name, condition);
end
$function$;
comment on function tenancy.look_statement(regclass, jsonb, boolean) is
  'internal: the statement with which tenancy.look_past_policies() asks for a row';

create function tenancy.look_past_policies(table_name regclass, key jsonb, with_policies boolean) returns jsonb
  language c stable parallel unsafe
  set search_path = pg_catalog, pg_temp
  as 'MODULE_PATHNAME', 'tenancy_look_past_policies';
comment on function tenancy.look_past_policies(regclass, jsonb, boolean) is
  'internal: tenant and user of a row, and the policies that hide it from the caller; NULL when it is not there; for superusers, owners and tenancy_operator outside a tenant''s context';

-- The policies that refuse a row, as [{"policy", "permissive"}, …]: each restrictive one that is not true, and when no
-- permissive one is true, all of those, or NULL where there is none. Evaluated as the caller, whom they hold.
create function tenancy.refusing_policies(table_name regclass, command text, row_values jsonb, checking boolean) returns jsonb
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  candidate record;
  fulfilled boolean;
  permitted boolean := false;
  restrictive jsonb := '[]';
  permissive jsonb := '[]';
begin
  if not row_security_active(table_name) then
    return '[]'; -- superusers, BYPASSRLS, the owner without FORCE
  end if;
  for candidate in
    select p.polname, p.polpermissive, c.relname, jsonb_build_object('policy', p.polname, 'permissive', p.polpermissive) as entry,
           pg_get_expr(case when checking then coalesce(p.polwithcheck, p.polqual) else p.polqual end, p.polrelid) as expression
      from pg_policy p
      join pg_class c on c.oid = p.polrelid
     where p.polrelid = table_name
       and p.polcmd in ('*', case command when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' when 'delete' then 'd' end)
       and exists (select from unnest(p.polroles) r (role) where r.role = 0 or pg_has_role(current_user, r.role, 'usage'))
     order by p.polname
  loop
    -- The row stands under the name that the stored expression knows.
    execute format('select coalesce((%s), false) from pg_catalog.jsonb_populate_record(null::%s, $1) as %I',
                   coalesce(candidate.expression, 'true'), table_name, candidate.relname)
       into fulfilled using row_values;
    if candidate.polpermissive then
      permitted := permitted or fulfilled;
      permissive := permissive || candidate.entry;
    elsif not fulfilled then
      restrictive := restrictive || candidate.entry;
    end if;
  end loop;
  if permitted then
    return restrictive;
  end if;
  return restrictive || case when permissive = '[]' then '[{"policy": null, "permissive": true}]' else permissive end;
end
$function$;
comment on function tenancy.refusing_policies(regclass, text, jsonb, boolean) is
  'internal: the policies that refuse a row to the caller, by USING or, when checking, by WITH CHECK';

-- What a table's owner can hang on the evaluation of its policies: functions and operators that they call, other relations
-- that they read, domains and casts of the columns' types. It would run with the rights of whoever asks.
create function tenancy.runs_owner_code(table_name regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (
    select from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
     where p.polrelid = table_name
       and not (d.refclassid = 'pg_class'::regclass and d.refobjid = table_name)
       and not (d.refclassid = 'pg_proc'::regclass
                and d.refobjid in (select f.oid from pg_proc f where f.pronamespace = 'tenancy'::regnamespace)))
  or exists (
    select from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = table_name and a.attnum > 0 and not a.attisdropped and t.oid >= 16384
       and not (t.typtype = 'e' and not exists (select from pg_cast c where c.castsource = t.oid or c.casttarget = t.oid)))
$function$;
comment on function tenancy.runs_owner_code(regclass) is
  'internal: whether evaluating a table''s policies on a row may run code that its owner wrote';

create function tenancy.not_tried(table_name regclass) returns table (reason text, explanation text, hint text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'not_tried', format('The policies of %s were not tried: they or its columns run code of its owner, who would have your rights.', table_name),
         'Ask as the owner of the table.'
$function$;
comment on function tenancy.not_tried(regclass) is 'internal: the answer where the policies would run code of the owner';

create function tenancy.policy_reasons(table_name regclass, refusing jsonb)
  returns table (reason text, explanation text, hint text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with r as (select * from jsonb_to_recordset(refusing) as r (policy name, permissive boolean))
  select 'policy', format('The restrictive policy %I says no.', r.policy),
         format('select * from tenancy.policies where table_name = %L::regclass shows what it asks.', table_name::text)
    from r where not r.permissive
  union all
  select 'policy',
         case when count(r.policy) = 0 then format('No permissive policy holds for role %I.', current_user)
              else format('No permissive policy says yes: %s.', string_agg(quote_ident(r.policy), ', ')) end,
         format('select * from tenancy.policies where table_name = %L::regclass shows what they ask.', table_name::text)
    from r where r.permissive having count(*) > 0
$function$;
comment on function tenancy.policy_reasons(regclass, jsonb) is 'internal: the answer about policies that say no';

create function tenancy.missing_grants(table_name regclass, privilege text, columns name[], role_name name)
  returns table (reason text, explanation text, hint text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with it as (
    select c.oid, n.oid as schema, n.nspname, p.kind, p.access, p.tenant_column, p.is_child,
           case when privilege = 'delete' then has_table_privilege(role_name, c.oid, privilege)
                else has_any_column_privilege(role_name, c.oid, privilege) end as granted_some,
           has_table_privilege(role_name, c.oid, privilege) as granted_all
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      left join tenancy.protected p on p.table_name = c.oid
     where c.oid = missing_grants.table_name
  ), lacking as (
    select string_agg(quote_ident(u.name), ', ') as columns
      from it, unnest(columns) u (name)
     where privilege <> 'delete' and it.granted_some and not it.granted_all
       and not has_column_privilege(role_name, it.oid, u.name, privilege)
  )
  select 'missing_grant', format('Role %I may not use the schema %I.', role_name, it.nspname),
         format('grant usage on schema %I to %I', it.nspname, role_name)
    from it
   where not has_schema_privilege(role_name, it.schema, 'usage')
  union all
  select case when held_by_access then 'read_only' else 'missing_grant' end,
         case when held_by_access and it.kind = 'reference' then
                format('%s is a reference table: tenants read it and do not change it.', table_name)
              when held_by_access then
                format('%s is protected with access => ''read'': tenants read their rows and do not change them.', table_name)
              else format('Role %I has no right to %s in table %s.', role_name, privilege, table_name) end,
         case when held_by_access and it.kind = 'reference' then 'Change it as the owner of the table.'
              when held_by_access then
                format('select * from tenancy.protect(%L, %L, ''write'') lets tenants write.', table_name::text, it.tenant_column)
              when it.is_child then format('Ask through its parent %s: the rights are there.',
                                           (select i.inhparent::regclass from pg_inherits i where i.inhrelid = it.oid limit 1))
              when it.kind is null and role_name in ('tenancy_user', 'tenancy_admin') then
                'Tables for tenants are protected with tenancy.protect(), which grants the rights.'
              else format('grant %s on %s to %I', privilege, table_name, role_name) end
    from it
    cross join lateral (
      select privilege <> 'select' and role_name = 'tenancy_user' and it.access = 'read' and not it.is_child as held_by_access) a
   where not it.granted_some
  union all
  select 'missing_grant', format('Role %I has no right to %s of the columns %s in table %s.', role_name, privilege, l.columns, table_name),
         format('grant %s (%s) on %s to %I', privilege, l.columns, table_name, role_name)
    from lacking l
   where l.columns is not null
$function$;
comment on function tenancy.missing_grants(regclass, text, name[], name) is
  'internal: the rights that a role lacks for a statement on a table, each with its GRANT';

-- What a question about a table needs to know of it and of the asker.
create function tenancy.why_situation(table_name regclass,
    out owner oid, out kind text, out tenant_column name, out owner_column name, out held boolean, out attached boolean, out bypass boolean,
    out tenant text, out "user" text, out acting name, out not_held text, out restrained boolean, out reason text, out explanation text, out hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation pg_class;
begin
  if table_name is null then
    raise exception using errcode = 'null_value_not_allowed', message = 'a question needs a table';
  end if;
  select c.* into relation from pg_class c where c.oid = table_name;
  if not found then
    raise exception using errcode = 'undefined_table', message = 'table does not exist';
  end if;
  if relation.relkind not in ('r', 'p') then
    raise exception using
      errcode = 'wrong_object_type',
      message = format('%s is not a table', table_name),
      hint = 'Ask about the tables under it.';
  end if;
  owner := relation.relowner;
  select p.kind, p.tenant_column, p.owner_column into kind, tenant_column, owner_column
    from tenancy.protected p where p.table_name = why_situation.table_name;
  -- A function in C comes first: it loads the library, so that the settings are its own.
  bypass := tenancy.bypassing();
  "user" := nullif(current_setting('tenancy.user_id', true), '');
  tenant := nullif(current_setting('tenancy.tenant_id', true), '');
  attached := "user" is not null;
  held := row_security_active(table_name);
  -- Tenants run the owner's code in every statement. Others who ask have more to lose.
  restrained := (not attached or bypass) and not pg_has_role(current_user, relation.relowner, 'usage') and tenancy.runs_owner_code(table_name);
  if not held then
    select case when r.rolsuper then 'Policies do not hold superusers.'
                when r.rolbypassrls then format('Policies do not hold role %I, which has BYPASSRLS.', current_user)
                when not relation.relrowsecurity then 'Row security is not enabled on the table.'
                else 'Policies do not hold the owner of the table: row security is not forced.' end
      into not_held from pg_roles r where r.rolname = current_user;
  end if;
  -- Who can attach will work as tenancy_user, and an operator's bypass as tenancy_admin: those roles' rights decide.
  acting := case when not held or kind is null or attached then current_user
                 when tenancy.holds_role(current_user, 'tenancy_user') then 'tenancy_user'
                 when tenancy.holds_role(current_user, 'tenancy_operator') then 'tenancy_admin'
                 else current_user end;
  if held and kind = 'tenant' and not attached then
    reason := 'no_context';
    explanation := 'This transaction has no tenant context: the rows of protected tables are there only inside one.';
    hint := 'Call tenancy.attach(token) as the first statement of the transaction.';
  elsif held and kind = 'tenant' and tenant is null and not bypass then
    reason := 'no_tenant';
    explanation := 'The user has signed in and has not chosen a tenant yet.';
    hint := 'Call tenancy.choose_tenant(token, tenant) and attach again; tenancy.whoami() lists the tenants.';
  end if;
end
$function$;
comment on function tenancy.why_situation(regclass) is
  'internal: what protects a table, whether policies hold the caller, his context and what it lacks, and the role whose rights decide';

create function tenancy.whose_row(facts jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select case
    when facts is null or not facts ? 'tenant' then null
    when facts ->> 'tenant' is null then 'It belongs to no tenant.'
    when facts ->> 'user' is null then format('It belongs to tenant %s.', facts ->> 'tenant')
    else format('It belongs to user %s of tenant %s.', facts ->> 'user', facts ->> 'tenant')
  end
$function$;
comment on function tenancy.whose_row(jsonb) is 'internal: tenant and user of a row in words';

create function tenancy.why(table_name regclass, key jsonb)
  returns table (reason text, explanation text, hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  situation record;
  condition text;
  columns name[];
  is_superuser boolean := (select r.rolsuper from pg_roles r where r.rolname = current_user);
  granted boolean;
  probed boolean := false;
  seen boolean := false;
  refusal text;
  refusal_hint text;
  looked boolean := false;
  facts jsonb;
  shown jsonb;
  whole_table boolean;
  answered boolean;
begin
  select s.* into situation from tenancy.why_situation(table_name) s;
  condition := tenancy.key_condition(table_name, key);
  columns := array(select k::name from jsonb_object_keys(key) k);

  granted := not exists (select from tenancy.missing_grants(table_name, 'select', columns, current_user));

  -- Who answers for the table looks past the policies. Never in a tenant's context: there, a row of others and no row are
  -- the same answer after the same work.
  if not situation.attached or situation.bypass then
    begin
      facts := tenancy.look_past_policies(table_name, key, situation.reason is null);
      looked := true;
    exception when insufficient_privilege then
      get stacked diagnostics refusal = message_text, refusal_hint = pg_exception_hint;
      begin
        facts := tenancy.look_past_policies(table_name, key, false);
        looked := true; -- it was a policy that refused
      exception when insufficient_privilege then
        refusal := null; -- he does not answer for it
      end;
    end;
  end if;

  -- The policies of protect() hide nothing from a bypass; others might.
  whole_table := situation.bypass and current_user = 'tenancy_admin'
    and not exists (select from pg_policy p where p.polrelid = table_name and not starts_with(p.polname::text, 'tenancy_'));

  if is_superuser then
    seen := facts is not null;
  elsif looked and not pg_has_role(current_user, situation.owner, 'usage') then
    -- Operators do not query a table of others: its owner's code would run with their rights. The look has asked the
    -- policies, restricted.
    seen := granted and coalesce(facts -> 'refusing' = '[]', false);
  elsif granted and refusal is null and not situation.restrained then
    begin
      -- An admin of the application sees all tenants in a bypass: there it helps to know whose row it is.
      execute format('select true, pg_catalog.jsonb_build_object(%s) from %s t where %s limit 1',
                     (select string_agg(format('%L, case when t.%I is not null then pg_catalog.format(''%%s'', t.%2$I) end', c.label, c.name), ', ')
                        from (values ('tenant', situation.tenant_column), ('user', situation.owner_column)) as c (label, name)
                       where situation.bypass and situation.held and has_column_privilege(table_name, c.name, 'select')),
                     table_name, condition)
         into seen, shown using key;
      seen := coalesce(seen, false);
      probed := true;
    exception when insufficient_privilege then
      get stacked diagnostics refusal = message_text, refusal_hint = pg_exception_hint;
    end;
  end if;

  if seen then
    return query select 'visible', concat_ws(' ', 'You see it.', situation.not_held, tenancy.whose_row(coalesce(facts, shown))), null;
  elsif looked and facts is null or probed and (not situation.held or whole_table) then
    return query select 'no_such_row', 'No row has this key.', null;
    return;
  else
    return query select * from tenancy.missing_grants(table_name, 'select', columns, situation.acting);
    answered := found;
    if situation.reason is not null then
      return query select situation.reason, situation.explanation, situation.hint;
    elsif refusal is not null then
      return query select 'policy_error', format('Looking at it was refused: %s.', refusal), nullif(refusal_hint, '');
    elsif facts -> 'refusing' = 'null' then
      return query select * from tenancy.not_tried(table_name);
    elsif facts is not null then
      return query select * from tenancy.policy_reasons(table_name, facts -> 'refusing');
    elsif not answered then
      return query select 'not_yours_or_not_there',
        'No row that you may see has this key: it is not there, or it is not yours.',
        'Check the key, and with tenancy.whoami() who you are. The owner of the table and members of tenancy_operator are told more.';
    end if;
    if facts is not null and situation.tenant_column is not null then
      return query select 'row_of_tenant', concat_ws(' ', 'The row is there.', tenancy.whose_row(facts)),
                          'A context of that tenant sees it, and a bypass.';
    end if;
  end if;
  if situation.kind is null then
    return query select 'not_protected', 
      format('tenancy.protect() does not cover %s: who may read it sees the rows of all tenants, unless other policies say no.', table_name),
      format('select * from tenancy.protect(%L) as its owner.', table_name::text);
  end if;
end
$function$;
comment on function tenancy.why(regclass, jsonb) is
  'why a row is seen or not, found by a JSON object of columns and values: one row for each reason, the most decisive first';

-- The key as a list, in the order of the primary key. In a tenant's context the tenant may be left out.
create function tenancy.why(table_name regclass, variadic key text[])
  returns table (reason text, explanation text, hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  situation record;
  columns text[];
begin
  select s.* into situation from tenancy.why_situation(table_name) s;
  select array_agg(a.attname order by u.position) into columns
    from pg_index i
    cross join unnest(i.indkey::int2[]) with ordinality u (attnum, position)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
   where i.indrelid = why.table_name and i.indisprimary and u.position <= i.indnkeyatts;
  if columns is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('table %s has no primary key', table_name),
      hint = format('Name the columns: tenancy.why(%L, ''{"column": "value"}''::jsonb).', table_name::text);
  end if;
  if situation.tenant is not null and cardinality(columns) > 1 and cardinality(key) = cardinality(columns) - 1 then
    columns := array_remove(columns, situation.tenant_column::text) || situation.tenant_column::text;
    key := key || situation.tenant;
  end if;
  if cardinality(columns) is distinct from cardinality(key) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('the key of table %s has %s columns', table_name, cardinality(columns)),
      hint = format('Give a value for each: %s.', array_to_string(columns, ', '));
  end if;
  return query select * from tenancy.why(table_name, jsonb_object(columns, key));
end
$function$;
comment on function tenancy.why(regclass, text[]) is
  'why a row is seen or not, found by its primary key: one row for each reason, the most decisive first';

create function tenancy.why(table_name regclass, key bigint)
  returns table (reason text, explanation text, hint text)
  language sql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  select * from tenancy.why(table_name, variadic array[key::text])
$function$;
comment on function tenancy.why(regclass, bigint) is
  'why a row is seen or not, found by a primary key that is one number';

revoke execute on function
  tenancy.key_condition(regclass, jsonb), tenancy.look_statement(regclass, jsonb, boolean), tenancy.look_past_policies(regclass, jsonb, boolean),
  tenancy.refusing_policies(regclass, text, jsonb, boolean), tenancy.runs_owner_code(regclass), tenancy.not_tried(regclass), tenancy.policy_reasons(regclass, jsonb),
  tenancy.missing_grants(regclass, text, name[], name), tenancy.why_situation(regclass), tenancy.whose_row(jsonb),
  tenancy.why(regclass, jsonb), tenancy.why(regclass, text[]), tenancy.why(regclass, bigint)
from public;
-- Everybody may ask: with his own rights, or refused by look_past_policies() itself. The internal ones hold no rights.
grant execute on function
  tenancy.key_condition(regclass, jsonb), tenancy.look_statement(regclass, jsonb, boolean), tenancy.look_past_policies(regclass, jsonb, boolean),
  tenancy.refusing_policies(regclass, text, jsonb, boolean), tenancy.runs_owner_code(regclass), tenancy.not_tried(regclass), tenancy.policy_reasons(regclass, jsonb),
  tenancy.missing_grants(regclass, text, name[], name), tenancy.why_situation(regclass), tenancy.whose_row(jsonb),
  tenancy.why(regclass, jsonb), tenancy.why(regclass, text[]), tenancy.why(regclass, bigint)
to public;
