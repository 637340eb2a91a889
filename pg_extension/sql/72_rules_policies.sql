-- Rules: policies that somebody else has written, and the functions they call. Whether the policies of tenancy.protect() are
-- what their names say is rule protection_not_intact's; here their names are left out.

-- What to do with a policy or several of one table. A protected table needs no permissive one beside its own; another one
-- wants to be protected in their place. Dropping a restrictive one could open more than it closes.
create function tenancy.replace_policies(relation regclass, tenant_column name, protected boolean, permissive boolean, objects text, drops text)
  returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  call text;
begin
  if protected and permissive then
    return drops;
  elsif protected or tenant_column is null and not permissive then
    return tenancy.advice(format('write %s with columns and constants alone', objects));
  elsif tenant_column is null then
    return tenancy.advice(format('%s; select step from tenancy.protect(%L, ''the column of the tenant'')', drops, relation));
  end if;
  call := tenancy.protect_first(relation, tenant_column);
  return case when call like '--%' then call else drops || '; ' || call end;
end
$function$;
comment on function tenancy.replace_policies(regclass, name, boolean, boolean, text, text) is
  'internal: the statement that replaces policies of a table by those of tenancy.protect(), or a comment where a person must decide';

create view tenancy.foreign_policy as
  -- Made once: the estimate of how many policies match is low, and would have it made for each.
  with tenant_table as materialized (
    select t.relation, t.protected, t.tenant_column from tenancy.tenant_table t
  )
  select p.oid, p.polrelid::pg_catalog.regclass as relation, p.polname, p.polpermissive, p.polcmd, p.polroles, w.object,
         -- The stored trees, in which no text of the policy's author can look like something else.
         pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text) as trees,
         pg_catalog.pg_get_expr(p.polqual, p.polrelid) as readable,
         pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as writable,
         t.relation is not null as on_tenant_table,
         coalesce(t.protected, false) as on_protected_table,
         t.tenant_column,
         w.drop,
         tenancy.replace_policies(p.polrelid, t.tenant_column, coalesce(t.protected, false), p.polpermissive, w.object, w.drop) as mend
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid and c.relpersistence <> 't'
    cross join lateral (select pg_catalog.format('policy "%s" on %s', p.polname, p.polrelid::pg_catalog.regclass) as object,
                               pg_catalog.format('drop policy %I on %s', p.polname, p.polrelid::pg_catalog.regclass) as drop) w
    left join tenant_table t on t.relation = p.polrelid
   where p.polname <> all (tenancy.our_policies())
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e');
comment on view tenancy.foreign_policy is
  'internal: policies that are not tenancy.protect()''s by name, with the kind of table they are on and what would replace them';
revoke all on tenancy.foreign_policy from public;

create function tenancy.first_of(objects text[]) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select array_to_string(objects[1:3], ', ') || case when cardinality(objects) > 3 then format(' and %s more', cardinality(objects) - 3) else '' end
$function$;
comment on function tenancy.first_of(text[]) is 'internal: the first three of a list, and how many more there are';

-- Functions of others that a policy calls by itself or by an operator. Those of PostgreSQL are in no dependency, and
-- those of this extension are what policies are to be made of.
create view tenancy.policy_function as
  select p.oid as function, p.proowner, p.pronamespace, p.prolang, p.provolatile, p.proleakproof, p.proconfig, p.prosrc, p.prosqlbody, p.prosecdef,
         'function ' || p.oid::pg_catalog.regprocedure as object,
         f.oid as policy, f.object as policy_object, f.relation, f.mend as policy_mend
    from tenancy.foreign_policy f
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = f.oid
    left join pg_catalog.pg_operator o on d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass and o.oid = d.refobjid
    join pg_catalog.pg_proc p
      on p.oid = case when d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass then d.refobjid else o.oprcode end
   where d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e');
comment on view tenancy.policy_function is 'internal: functions of no extension that policies call, one row for each policy';
revoke all on tenancy.policy_function from public;

-- Settings that anybody can write with SET. The context's own are written by the extension alone.
create function tenancy.reads_forgeable_setting(body text) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select regexp_replace(body, 'current_setting\s*\(\s*''tenancy\.(user_id|tenant_id|session_id|bypass)''', '', 'gi') ~* 'current_setting'
$function$;
comment on function tenancy.reads_forgeable_setting(text) is 'internal: whether a text of SQL reads a setting that any client can write';

revoke execute on function
  tenancy.replace_policies(regclass, name, boolean, boolean, text, text), tenancy.first_of(text[]), tenancy.reads_forgeable_setting(text)
from public;

-- ---------------------------------------------------------------- what a policy lets through

select tenancy.define_rule('several_permissive_policies', 'critical', 'permissive policies that add their rows to each other');
create function tenancy.rule_several_permissive_policies() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('the rows it shows are added to those that %s shows: the widest policy decides what %s sees of %s',
                string_agg(distinct format('policy "%s"', o.polname), ', '),
                case when 0 = any (f.polroles) then 'everybody' else array_to_string(array(select pg_get_userbyid(r) from unnest(f.polroles) r), ', ') end,
                f.relation),
         f.drop
    from tenancy.foreign_policy f
    join pg_policy o on o.polrelid = f.relation and o.oid <> f.oid and o.polpermissive
     and (o.polcmd = f.polcmd or o.polcmd = '*' or f.polcmd = '*')
     and (o.polroles && f.polroles or 0 = any (o.polroles || f.polroles))
   where f.polpermissive and f.on_tenant_table
   group by f.object, f.polroles, f.relation, f.drop
$function$;

select tenancy.define_rule('policy_always_true', 'critical', 'a permissive policy that lets every row through');
create function tenancy.rule_policy_always_true() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('%s %s the rows of all tenants in %s',
                case when 0 = any (f.polroles) then 'everybody' else array_to_string(array(select pg_get_userbyid(r) from unnest(f.polroles) r), ', ') end,
                case when bool_or(e.is_check) then 'writes' else 'sees' end, f.relation),
         f.mend
    from tenancy.foreign_policy f
    cross join lateral (values (f.readable, false), (f.writable, true)) as e (expression, is_check)
   where f.polpermissive and f.on_tenant_table
     and (e.expression = 'true'
          or e.expression ~ '\m(OR true|true OR)\M'
          -- A column compared with itself, or only asked whether it is NULL.
          or e.expression ~ '^\((\w+|"[^"]+") (=|>=|<=) \1\)$'
          or e.expression ~ '^\((\w+|"[^"]+") IS NOT NULL\)$'
          -- Constants alone.
          or e.expression <> 'false' and f.trees !~ ':varattno |:funcid |\{(SUBLINK|SQLVALUEFUNCTION) ')
   group by f.object, f.polroles, f.relation, f.mend
  union all
  -- Not for the name, which is one of ours, but for the place.
  select format('policy "%s" on %s', p.polname, t.relation),
         format('everybody who may read %s sees the rows of all tenants: its rows are declared to be for all', t.relation),
         format('drop policy %I on %s; %s', p.polname, t.relation, tenancy.protect_first(t.relation, t.tenant_column))
    from tenancy.tenant_table t join pg_policy p on p.polrelid = t.relation and p.polname = 'tenancy_reference'
   where not t.protected
$function$;

select tenancy.define_rule('policy_has_or_isnull', 'high', 'a permissive policy with a second way in: OR, IS NULL, COALESCE, CASE');
create function tenancy.rule_policy_has_or_isnull() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('whoever makes the other side true (no context, a NULL, a value that a client sets) sees rows of other tenants in %s', f.relation),
         f.mend
    from tenancy.foreign_policy f
   where f.polpermissive and f.on_tenant_table
     and f.trees ~ '\{BOOLEXPR :boolop or |:nulltesttype 0 |\{(COALESCE|CASE)(EXPR)? '
$function$;

select tenancy.define_rule('per_command_policies', 'high', 'policies that judge commands differently: what may be written is not what may be read');
create function tenancy.rule_per_command_policies() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.relation::text,
         format('the most lenient of its policies decides: rows of %s can be written for, moved to or taken from other tenants that cannot be read', f.relation),
         tenancy.replace_policies(f.relation, f.tenant_column, false, bool_and(f.polpermissive),
           string_agg(distinct f.object, ', '), string_agg(distinct f.drop, '; '))
    from tenancy.foreign_policy f
    cross join lateral (values (f.readable), (f.writable)) as e (expression)
   where f.polpermissive and f.on_tenant_table and not f.on_protected_table and e.expression is not null
   group by f.relation, f.tenant_column
  having count(distinct e.expression) > 1 and (bool_or(f.polcmd <> '*') or bool_or(f.writable <> f.readable))
$function$;

select tenancy.define_rule('no_restrictive_tenant_policy', 'high', 'a tenant table whose own policies nothing holds: the next permissive one widens them');
create function tenancy.rule_no_restrictive_tenant_policy() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select t.relation::text,
         format('one more permissive policy on %s, by a mistake or by whoever may write as its owner, shows a tenant the rows of others', t.relation),
         tenancy.protect_first(t.relation, t.tenant_column)
    from tenancy.tenant_table t
    join pg_attribute a on a.attrelid = t.relation and a.attname = t.tenant_column
   where t.relrowsecurity and not t.protected and not t.is_child
     and exists (select from pg_policy p where p.polrelid = t.relation and p.polname <> all (tenancy.our_policies()))
     and not exists (select from pg_policy p
                      where p.polrelid = t.relation and not p.polpermissive and p.polcmd = '*'
                        and (0 = any (p.polroles) or (select r.oid from pg_roles r where r.rolname = 'tenancy_user') = any (p.polroles))
                        and p.polqual::text like format('%%:varattno %s %%', a.attnum))
$function$;

select tenancy.define_rule('policy_names_reachable_role', 'high', 'a permissive policy for a role that an attacker can become');
create function tenancy.rule_policy_names_reachable_role() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('%s becomes %s, by inheritance or SET ROLE, and has what the policy shows of %s',
                string_agg(distinct pg_get_userbyid(r.exposed), ', '), string_agg(distinct pg_get_userbyid(r.role), ', '), f.relation),
         f.mend
    from tenancy.foreign_policy f
    join tenancy.reachable_role r on r.role = any (f.polroles)
   where f.polpermissive and f.on_tenant_table
     -- Statements run as the first two anyway, and the third is all the gateway is.
     and pg_get_userbyid(r.role) not in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
   group by f.object, f.relation, f.mend
$function$;

select tenancy.define_rule('policy_reads_setting', 'critical', 'a policy that believes a setting which any client can write');
create function tenancy.rule_policy_reads_setting() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('one SET, or set_config() in a sub-select, names another tenant, and the rows of %s are that tenant''s', f.relation),
         f.mend
    from tenancy.foreign_policy f
   -- On a protected table a restrictive policy only takes rows away from what is the tenant's.
   where (f.polpermissive or not f.on_protected_table)
     and (f.trees ~ ':funcid (2077|3294) ' and tenancy.reads_forgeable_setting(concat(f.readable, ' ', f.writable))
          or f.oid in (select p.policy from tenancy.policy_function p
                        where tenancy.reads_forgeable_setting(coalesce(pg_get_function_sqlbody(p.function), p.prosrc))))
$function$;

select tenancy.define_rule('policy_on_current_user', 'medium', 'a policy that goes by the database role');
create function tenancy.rule_policy_on_current_user() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('all who share a role see the same rows of %s; SET ROLE and SECURITY DEFINER functions change whose they are', f.relation),
         f.mend
    from tenancy.foreign_policy f
   -- CURRENT_ROLE, CURRENT_USER, USER, SESSION_USER.
   where f.polpermissive and f.trees ~ '\{SQLVALUEFUNCTION :op (9|10|11|12) '
$function$;

select tenancy.define_rule('policy_with_subselect', 'medium', 'a policy with a sub-select');
create function tenancy.rule_policy_with_subselect() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.object,
         format('it depends on what the asking role sees of other relations, hides the tenant from the planner, and takes longer the more rows of others %s has', f.relation),
         f.mend
    from tenancy.foreign_policy f
   where f.trees like '%{SUBLINK %'
$function$;

-- ---------------------------------------------------------------- what a policy calls

select tenancy.define_rule('policy_function_mutable_search_path', 'critical', 'a policy''s function that looks names up where the caller says');
create function tenancy.rule_policy_function_mutable_search_path() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with called as (
    select p.function, p.object, n.nspname, tenancy.first_of(array_agg(distinct p.policy_object)) as policies,
           (select substr(s, 13) from unnest(p.proconfig) s where s like 'search\_path=%') as path
      from tenancy.policy_function p
      join pg_language l on l.oid = p.prolang
      join pg_namespace n on n.oid = p.pronamespace
     -- A body of BEGIN ATOMIC was looked up when it was made.
     where p.prosqlbody is null and l.lanname not in ('c', 'internal')
     group by p.function, p.object, n.nspname, p.proconfig
  )
  select c.object,
         format('an object of the same name in pg_temp or another schema that an attacker fills runs in %s, also for the next tenant on the connection', c.policies),
         format('alter function %s set search_path = pg_catalog%s, pg_temp', c.function::regprocedure,
                case when c.path is null then ', ' || quote_ident(c.nspname)
                     -- Each name quoted anew: the text of a setting is the owner's.
                     else (select string_agg(', ' || quote_ident(e.name), '' order by e.position)
                             from (select replace(regexp_replace(btrim(x.part), '^"|"$', '', 'g'), '""', '"') as name, x.position
                                     from regexp_split_to_table(c.path, ',') with ordinality as x (part, position)) e
                            where e.name not in ('', 'pg_catalog', 'pg_temp')) end)
    from called c
   -- Where pg_temp is not named it is searched first, even when the path is empty.
   where c.path is null or c.path !~ '(^|[, "])pg_temp"?\s*$'
$function$;

select tenancy.define_rule('immutable_function_reads_context', 'critical', 'a function declared IMMUTABLE that reads who is asking');
create function tenancy.rule_immutable_function_reads_context() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'function ' || p.oid::regprocedure,
         'its answer for one tenant is kept in plans, and given to the next tenant whose statement uses the plan',
         format('alter function %s stable', p.oid::regprocedure)
    from pg_proc p
    join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
   where p.provolatile = 'i' and p.prokind = 'f' and p.oid >= 16384
     and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
         ~* '\m(current_setting|current_user|session_user|current_role|set_config)\M|\mtenancy\s*\.\s*(tenant_|user_|bypassing|session_id|whoami)'
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
$function$;

select tenancy.define_rule('policy_function_replaceable', 'high', 'a policy''s function that somebody else can replace');
create function tenancy.rule_policy_function_replaceable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with called as (
    select p.function, p.object, p.proowner, p.prosecdef, n.oid as schema, n.nspowner, n.nspacl,
           min(c.relowner) as table_owner, bool_and(c.relowner = p.proowner) as owned_alike,
           tenancy.first_of(array_agg(distinct p.policy_object)) as policies
      from tenancy.policy_function p
      join pg_class c on c.oid = p.relation
      join pg_namespace n on n.oid = p.pronamespace
     group by p.function, p.object, p.proowner, p.prosecdef, n.oid, n.nspowner, n.nspacl
  ), reachable (role) as (
    select distinct r.role from tenancy.reachable_role r
  ), judged as (
    select c.*,
           c.proowner in (select r.role from reachable r)
           or not c.owned_alike and not (select u.rolsuper from pg_roles u where u.oid = c.proowner) as by_owner,
           array(select distinct g.grantee from aclexplode(coalesce(c.nspacl, acldefault('n', c.nspowner))) g
                  where g.privilege_type = 'CREATE' and g.grantee <> c.nspowner
                    and (g.grantee = 0 or g.grantee in (select r.role from reachable r))) as creators
      from called c
  )
  select j.object,
         case when j.by_owner then format('%s replaces the function, and %s lets through what they like', pg_get_userbyid(j.proowner), j.policies)
              else format('%s makes functions in its schema that calls in its body find before those that were meant, and %s runs them',
                          (select string_agg(case g when 0 then 'everybody' else pg_get_userbyid(g) end, ', ') from unnest(j.creators) g), j.policies) end,
         concat_ws('; ',
           (select string_agg(format('revoke create on schema %s from %s', j.schema::regnamespace,
                                     case g when 0 then 'public' else quote_ident(pg_get_userbyid(g)) end), '; ')
              from unnest(j.creators) g),
           case when j.by_owner and (j.table_owner in (select r.role from reachable r)
                                     -- As a superuser's, SECURITY DEFINER would make it all-powerful.
                                     or j.prosecdef and (select u.rolsuper from pg_roles u where u.oid = j.table_owner))
                then tenancy.advice(format('give function %s to a role that no login of the application can become', j.function::regprocedure))
                when j.by_owner then format('alter function %s owner to %I', j.function::regprocedure, pg_get_userbyid(j.table_owner)) end)
    from judged j
   where j.by_owner or j.creators <> '{}'
$function$;

select tenancy.define_rule('policy_function_volatile', 'medium', 'a policy that calls a VOLATILE function');
create function tenancy.rule_policy_function_volatile() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.object,
         format('it runs once for each row of all tenants and no index helps, so the time tells how many rows others have; its answer may change from row to row (%s)',
                tenancy.first_of(array_agg(distinct p.policy_object))),
         format('alter function %s stable', p.function::regprocedure)
    from tenancy.policy_function p
   where p.provolatile = 'v'
   group by p.function, p.object
  union all
  -- Functions of PostgreSQL, by the policy that calls them.
  select f.object,
         format('%s runs once for each row of all tenants and may answer differently each time', string_agg(distinct p.proname, ', ')),
         f.mend
    from tenancy.foreign_policy f
    cross join lateral regexp_matches(f.trees, ':(?:op)?funcid (\d+) ', 'g') as m (ids)
    join pg_proc p on p.oid = m.ids[1]::oid and p.provolatile = 'v' and p.oid < 16384
   group by f.object, f.mend
$function$;

select tenancy.define_rule('slow_policy_function', 'low', 'a policy that calls a function which the planner cannot look into');
create function tenancy.rule_slow_policy_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.object,
         format('it is a %s function%s: it costs a call for each statement or row, and hides the tenant from the planner''s estimates (%s)',
                case l.lanname when 'plpgsql' then 'PL/pgSQL' when 'sql' then 'SQL' else l.lanname end,
                case when p.proleakproof then '' else ', not leakproof' end, tenancy.first_of(array_agg(distinct p.policy_object))),
         string_agg(distinct p.policy_mend, E';\n')
    from tenancy.policy_function p
    join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
   group by p.function, p.object, p.proleakproof, l.lanname
$function$;

select tenancy.define_rule('leakproof_user_function', 'high', 'a function of the application that is declared LEAKPROOF');
create function tenancy.rule_leakproof_user_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'function ' || p.oid::regprocedure,
         'it may run on rows of other tenants before the policies hide them: its errors, messages and time tell their values, letter by letter',
         format('alter function %s not leakproof', p.oid::regprocedure)
    from pg_proc p
   where p.proleakproof and p.oid >= 16384
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
$function$;
