-- Rules: what does code do that an attacker may call? PUBLIC may execute every function unless somebody revoked it, so a
-- function counts as callable where an attacker can also name it, or where an object calls it for him.

create view tenancy.callable_routine as
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  )
  select p.oid, p.proname, p.proowner, p.prolang, p.prosecdef, p.prosrc, p.proconfig, p.prosqlbody is not null as parsed,
         p.pronamespace,
         pg_catalog.string_agg(distinct case g.grantee when 0 then 'public' else g.grantee::pg_catalog.regrole::pg_catalog.text end, ', ') as grantees
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    cross join pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) g
   where p.oid >= 16384 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     -- A trigger function cannot be called; triggers have a rule of their own.
     and p.prorettype not in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
     and g.grantee in (select a.oid from attacker a) and g.grantee <> p.proowner
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e')
     and (n.oid in (select s.oid from tenancy.usable_schema s)
          or exists (select from pg_catalog.pg_depend d
                      where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid = p.oid
                        and d.classid in ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass,
                                          'pg_catalog.pg_attrdef'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass,
                                          'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_cast'::pg_catalog.regclass,
                                          -- Aggregates and bodies of BEGIN ATOMIC; indexes and partition keys; WHEN of triggers.
                                          'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_class'::pg_catalog.regclass,
                                          'pg_catalog.pg_trigger'::pg_catalog.regclass)))
   group by p.oid;
comment on view tenancy.callable_routine is 'internal: functions and procedures that an attacker may execute and can name, or that other objects (views, policies, defaults, aggregates and the like) call for him';
revoke all on tenancy.callable_routine from public;

-- ---------------------------------------------------------------- SECURITY DEFINER
-- Pinned: every schema in it belongs to people whom no attacker can speak for, and pg_temp comes last. Left out, pg_temp is
-- searched first for tables and types, which matters while attackers may make temporary objects.
select tenancy.define_rule('definer_search_path_not_pinned', 'critical', 'a SECURITY DEFINER function whose names an attacker resolves');
create function tenancy.rule_definer_search_path_not_pinned() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  ), writable as materialized (
    select n.nspname::text as name
      from pg_namespace n cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
     where g.privilege_type = 'CREATE' and g.grantee in (select a.oid from attacker a)
  ), may as materialized (
    select coalesce(bool_or(g.privilege_type = 'TEMPORARY'), false) as make_temporary,
           coalesce(bool_or(g.privilege_type = 'CREATE'), false) as make_schema
      from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) g
     where d.datname = current_database() and g.grantee in (select a.oid from attacker a)
  ), definer as (
    select r.oid, r.proowner, r.grantees, n.nspname::text as home, s.path
      from tenancy.callable_routine r
      join pg_namespace n on n.oid = r.pronamespace
      join pg_language l on l.oid = r.prolang
      left join lateral (select substring(c from '^search_path=(.*)$') as path
                           from unnest(r.proconfig) c where c ~ '^search_path=') s on true
     -- A body in SQL's own syntax was resolved when it was made; internal functions look nothing up.
     where r.prosecdef and not r.parsed and l.lanname <> 'internal'
  ), step as (
    select d.oid, e.position, e.name, last_value(e.position) over (partition by d.oid order by e.position
                                                 rows between unbounded preceding and unbounded following) as positions
      from definer d
      cross join lateral (
        select m.position, coalesce(replace(m.part[1], '""', '"'), lower(m.part[2])) as name
          from regexp_matches(d.path, '"((?:[^"]|"")*)"|([^",[:space:]]+)', 'g') with ordinality as m (part, position)) e
     where e.name <> ''
  ), judged as (
    select d.*,
           (select string_agg(quote_ident(s.name), ', ') from step s
             where s.oid = d.oid and (s.name in (select w.name from writable w)
                                      or may.make_schema and not exists (select from pg_namespace n where n.nspname = s.name)
                                         and s.name <> 'pg_temp')) as hostile,
           may.make_temporary
             and not exists (select from step s where s.oid = d.oid and s.name = 'pg_temp' and s.position = s.positions) as temporary,
           -- The schemas it names today, less what is hostile; one that names none has been at home in its own.
           (select string_agg(quote_ident(s.name), ', ' order by s.position)
              from (select s.name, s.position from step s where s.oid = d.oid
                    union all
                    select d.home, 1 where d.path is null and d.home <> 'pg_catalog') s
             where s.name not in ('pg_catalog', 'pg_temp', '$user') and s.name not in (select w.name from writable w)
               and exists (select from pg_namespace n where n.nspname = s.name)) as kept
      from definer d cross join may
  )
  select format('function %s', oid::regprocedure),
         format('%s calls it and decides what its names mean, %s: own code runs with the rights of %s', grantees,
                case when path is null then 'by search_path or a temporary object'
                     when hostile is not null then format('by an object in %s', hostile)
                     else 'by a temporary table or type, which is found first' end,
                proowner::regrole),
         format('alter routine %s set search_path = %s', oid::regprocedure, concat_ws(', ', 'pg_catalog', kept, 'pg_temp'))
    from judged
   where path is null or hostile is not null or temporary
$function$;

select tenancy.define_rule('definer_owned_by_bypassing_role', 'critical', 'a SECURITY DEFINER function of an owner whom no policy holds');
create function tenancy.rule_definer_owned_by_bypassing_role() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('function %s', r.oid::regprocedure),
         format('%s calls it, and what it reads and writes is under no policy: its owner %s %s', r.grantees, r.proowner::regrole, why.told),
         case when plain.name is null
           then format('revoke execute on routine %s from %s', r.oid::regprocedure, r.grantees)
           else format('alter routine %s owner to %I', r.oid::regprocedure, plain.name) end
    from tenancy.callable_routine r
    join pg_roles o on o.oid = r.proowner
    cross join lateral (
      select case when o.rolsuper then 'is a superuser'
                  when o.rolbypassrls then 'has BYPASSRLS'
                  when exists (select from pg_roles p
                                where p.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
                                  and pg_has_role(o.oid, p.oid, 'usage'))
                  then 'reads or writes files of the server' end as told) why
    -- Somebody who is held by the policies: the owner of the schema, or of the database.
    left join lateral (
      select p.rolname as name
        from (select n.nspowner as oid, 1 as rank from pg_namespace n where n.oid = r.pronamespace
              union all
              select d.datdba, 2 from pg_database d where d.datname = current_database()) c
        join pg_roles p on p.oid = c.oid
       where not p.rolsuper and not p.rolbypassrls and p.rolname !~ '^pg_' and p.oid <> r.proowner
       order by c.rank limit 1) plain on true
   where r.prosecdef and why.told is not null
$function$;

-- Under FORCE the tables' owner is held to the tenant's rows, and so are his functions. What is left: an owner who is
-- exempt on some table, a view that reads it as somebody who is, and a materialized view, where no policy is.
select tenancy.define_rule('definer_reads_protected_table', 'critical', 'a SECURITY DEFINER function that reads all tenants'' rows');
create function tenancy.rule_definer_reads_protected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive below (matview, relation) as (
    select l.view, l.relation from tenancy.view_relation l where l.relkind = 'm'
    union
    select below.matview, l.relation from below join tenancy.view_relation l on l.view = below.relation
  ), open (relation, reader, mend) as (
    -- reader: whose members see all rows; NULL: everybody who may read it
    select x.relation::oid, x.role,
           case when x.role = c.relowner and not c.relforcerowsecurity
                then format('alter table %s force row level security', x.relation) end
      from tenancy.exempt_role x join pg_class c on c.oid = x.relation
    union
    select l.view, null::oid, format('alter view %s set (security_invoker = true)', l.view::regclass)
      from tenancy.view_relation l
      join tenancy.protection p on p.relation = l.relation and p.kind = 'tenant'
      join pg_roles o on o.oid = l.view_owner
     where l.relkind = 'v' and l.as_owner and not l.filtered
       and (o.rolsuper or o.rolbypassrls
            or exists (select from tenancy.exempt_role x
                        where x.relation = l.relation and pg_has_role(l.view_owner, x.role, 'usage')))
    union
    select b.matview, null, null
      from below b join tenancy.protection p on p.relation = b.relation and p.kind = 'tenant'
  ), hole as (
    select r.oid, r.proowner, r.grantees, x.relation, x.mend
      from tenancy.callable_routine r
      join pg_roles o on o.oid = r.proowner
      join pg_language l on l.oid = r.prolang
      cross join open x
      join pg_class c on c.oid = x.relation
     where r.prosecdef and not o.rolsuper and not o.rolbypassrls
       and case when x.reader is null then has_table_privilege(r.proowner, x.relation, 'select')
                else pg_has_role(r.proowner, x.reader, 'usage') end
       -- It names the relation, or nobody can tell.
       and case when r.parsed then exists (select from pg_depend d
                                            where d.classid = 'pg_proc'::regclass and d.objid = r.oid
                                              and d.refclassid = 'pg_class'::regclass and d.refobjid = x.relation)
                when l.lanname in ('sql', 'plpgsql')
                then strpos(lower(r.prosrc), lower(c.relname)) > 0
                     or l.lanname = 'plpgsql' and r.prosrc ~* '\mexecute\M'
                else true end
  )
  select format('function %s', oid::regprocedure),
         format('%s calls it and gets at the rows of all tenants of %s%s: no policy holds its owner %s there', grantees,
                min(relation::regclass::text),
                case when count(*) > 1 then format(' and %s more', count(*) - 1) else '' end, proowner::regrole),
         case when bool_or(mend is null) then format('revoke execute on routine %s from %s', oid::regprocedure, grantees)
              else string_agg(mend, '; ') end
    from hole
   group by oid, proowner, grantees
$function$;

-- ---------------------------------------------------------------- what the source says
create view tenancy.runnable_source as
  select r.oid, r.proowner, r.prolang, r.prosecdef, r.proconfig, r.grantees || ' may call it' as how,
         case when r.parsed then pg_catalog.pg_get_function_sqlbody(r.oid) else r.prosrc end as source
    from tenancy.callable_routine r
  union all
  select p.oid, p.proowner, p.prolang, p.prosecdef, p.proconfig,
         'a write to ' || pg_catalog.min(t.tgrelid::pg_catalog.regclass::pg_catalog.text) || ' runs it', p.prosrc
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
   where p.oid >= 16384 and not t.tgisinternal
     and t.tgrelid in (select g.relation from tenancy.attacking_grant g where g.privilege <> 'SELECT')
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e')
   group by p.oid;
comment on view tenancy.runnable_source is 'internal: source of the functions that an attacker may call or whose triggers he sets off';
revoke all on tenancy.runnable_source from public;

-- The source of a PL/pgSQL function, with comments gone and each literal cut down to '' or, where it is one for format(),
-- to its conversions: '%I%s'. Words inside of literals are then no words of the program any more.
create function tenancy.source_without_literals(source text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(
           case when t.token[1] ~ '^(--|/\*)' then ' '
                when t.token[1] ~ '^([eE]?''|\$\w*\$)'
                then '''' || coalesce((select string_agg('%' || coalesce(c[1], '') || c[2], '' order by n)
                                         from regexp_matches(replace(t.token[1], '%%', ''), '%(\d+\$)?[-0-9*]*([sIL])', 'g')
                                              with ordinality as m (c, n)), '') || ''''
                else t.token[1] end, '' order by t.position)
    from regexp_matches(source,
      '([eE]''(?:[^''\\]|''''|\\.)*''|''(?:[^'']|'''')*''|\$\w*\$(?:[^$]|\$(?!\w*\$))*\$\w*\$|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|\w+|[^\w''$/-]+|.)', 'g')
      with ordinality as t (token, position)
$function$;
comment on function tenancy.source_without_literals(text) is 'internal: PL/pgSQL source without comments and without the words inside of literals';

-- Whether a text that nobody quoted becomes part of a statement. It follows what EXECUTE is given back through the
-- assignments of variables. Quoting functions, %I and %L, casts to and variables of types whose values are no SQL, and
-- names that a trigger is given are safe; arguments, columns and results of other functions are not.
create function tenancy.concatenates_statement(routine oid) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  harmless constant text := '(?:pg_catalog\.)?(?:reg(?:class|type|proc|procedure|role|namespace|operator)|oid|int[248]?|integer|bigint|smallint'
                            '|(?:big|small)?serial|numeric|decimal|real|float[48]?|double\s+precision|bool|boolean|uuid|date|timestamp|timestamptz)';
  nested constant text := '\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)';
  longest_source constant int := 100000;
  longest_expression constant int := 4000; -- without the words of literals
  most_steps constant int := 200;
  code text;
  body text;
  arguments text[];
  safe text[];
  expressions text[];
  seen text[] := '{}';
  expression text;
  operand text;
  found_format text[];
  parts text[];
  operands text[];
  steps int := 0;
begin
  select p.prosrc into body from pg_proc p where p.oid = routine;
  -- Nobody can tell, of a source this long or one that leads through more steps: one made for it would keep the check
  -- busy for hours.
  if octet_length(body) > longest_source then
    return true;
  end if;
  code := tenancy.source_without_literals(body);
  -- Arguments by name and number, those whose type is harmless apart.
  select coalesce(array_agg(n.spelled) filter (where not a.is_safe), '{}'), coalesce(array_agg(n.spelled) filter (where a.is_safe), '{}')
    into arguments, safe
    from pg_proc p
    cross join lateral unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as t (type, position)
    cross join lateral (select format_type(t.type, null) ~ ('^' || harmless || '\M') as is_safe) a
    cross join lateral (values (lower(p.proargnames[t.position])), ('$' || t.position)) n (spelled)
   where p.oid = routine and n.spelled <> '';
  select safe || coalesce(array_agg(lower(coalesce(m[1], m[2]))), '{}') into safe
    from regexp_matches(code, '(?:\m(\w+)\s+(?:constant\s+)?' || harmless || '\M\s*(?:not\s+null\s*)?(?:;|:=|=|\mdefault\M))'
                              '|\mfor\s+(\w+)\s+in\s+(?:reverse\s+)?[^;.]+\.\.', 'gi') m;

  code := regexp_replace(code, '\m(?:pg_catalog\.)?quote_(?:ident|literal|nullable)\s*' || nested, '''''', 'gi');
  code := regexp_replace(code, '(?:[\w.$]+(?:\([^()]*\))?|\([^()]*\))(?:\[[^]]*\])?\s*::\s*' || harmless || '\M(?:\s*::\s*text\M)?', '''''', 'gi');
  code := regexp_replace(code, '\mtg_\w+\M(?:\[[^]]*\])?', '''''', 'gi');

  -- Up to the word that ends an expression: words of literals are gone.
  select coalesce(array_agg(distinct regexp_replace(m[1], '\m(using|into|loop)\M.*$', '', 'i')), '{}') into expressions
    from regexp_matches(code, '\mexecute\M([^;]*)', 'gi') m;

  while cardinality(expressions) > 0 loop
    expression := lower(expressions[1]);
    expressions := expressions[2:];
    steps := steps + 1;
    if steps > most_steps or length(expression) > longest_expression then
      return true;
    end if;
    -- format(), the innermost first: each %s needs something harmless.
    loop
      found_format := regexp_match(expression, '^.*(\m(?:pg_catalog\.)?format\s*\(((?:[^()]|' || nested || ')*)\))');
      exit when found_format is null;
      steps := steps + 1;
      if steps > most_steps then
        return true;
      end if;
      parts := array(select btrim(m[1], E' \t\r\n') from regexp_matches(found_format[2], '((?:[^(),]|' || nested || ')+)', 'g') m);
      if btrim(regexp_replace(parts[1], '''[^'']*''|\|\|', '', 'g'), E' \t\r\n') <> '' then
        return true;
      end if;
      expressions := expressions
        || array(select '''''||' || coalesce(parts[coalesce(rtrim(m[1], '$')::int, n::int) + 1], '')
                   from regexp_matches(parts[1], '%(\d{1,4}\$)?(s|i|l)', 'g') with ordinality as f (m, n)
                  where m[2] = 's');
      expression := replace(expression, found_format[1], '''''');
    end loop;

    -- What the branches of CASE and the arguments of the usual functions yield is concatenated as well.
    expression := regexp_replace(expression, '\mcase\M(?:(?!\mwhen\M).)*', ' ', 'g');
    expression := regexp_replace(expression, '\mwhen\M(?:(?!\mthen\M).)*\mthen\M', '||', 'g');
    expression := regexp_replace(expression, '\melse\M', '||', 'g');
    expression := regexp_replace(expression, '\mend\M', ' ', 'g');
    expression := regexp_replace(expression, '\m(?:coalesce|concat|concat_ws|string_agg|array_to_string|nullif|replace|lower|upper|[lrb]?trim|min|max)\s*\(', '(', 'g');
    operands := array(select o from regexp_split_to_table(expression, '\|\||,') o where o !~ '^[\s()]*$');
    foreach operand in array operands loop
      operand := btrim(operand, E' \t\r\n()');
      if operand ~ '^(?:array\s*\(\s*)?(?:select\s+)?(?:''[^'']*''\s*)+(?:\mfrom\M.*)?$' or operand ~ '^\d+$' or operand = 'null' or operand = any (safe) or operand = any (seen) then
        continue;
      end if;
      if operand = any (arguments) then
        return true;
      end if;
      if operand ~ '^\w{1,63}$' and code ~* ('\m' || operand || '\M\s*(?:\w[\w(). ]*)?(?::=|\mdefault\M)|\m' || operand || '\M\s*=|\minto\s+(?:strict\s+)?' || operand || '\M') then
        seen := seen || operand;
        expressions := expressions
          || array(select m[1] from regexp_matches(code, '\m' || operand || '\M(?:\s+\w[\w(). ]*)?\s*(?::=|=|\mdefault\M)([^;]*)', 'gi') m)
          || array(select m[1] from regexp_matches(code, '\mselect\M([^;]*)\minto\s+(?:strict\s+)?' || operand || '\M', 'gi') m);
        continue;
      end if;
      if cardinality(operands) > 1 then
        return true;
      end if;
    end loop;
  end loop;
  return false;
end
$function$;
comment on function tenancy.concatenates_statement(oid) is 'internal: whether a PL/pgSQL function makes a text part of a statement without quoting it, as far as its source tells';

select tenancy.define_rule('dynamic_sql_concatenation', 'high', 'a function that makes a text part of a statement without quoting it');
create function tenancy.rule_dynamic_sql_concatenation() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with candidate as materialized ( -- first, as the function reads the whole source
    select r.oid, r.prosecdef, r.proowner, r.how
      from tenancy.runnable_source r
      join pg_language l on l.oid = r.prolang and l.lanname = 'plpgsql'
     where r.source ~* '\mexecute\M'
  )
  select format('function %s', r.oid::regprocedure),
         case when r.prosecdef
           then format('%s, and a text with SQL in it runs with the rights of %s', r.how, r.proowner::regrole)
           else format('%s, and a text with SQL in it runs as whoever calls it: stored by one tenant, it runs in another''s context or in a bypass', r.how)
         end,
         '-- Write EXECUTE format(…) with %I for names and %L for values, or pass values with USING; then create or replace it.'
    from candidate r
   where tenancy.concatenates_statement(r.oid)
$function$;

-- The caller of an ordinary function must own the table himself, so only SECURITY DEFINER gives something away.
select tenancy.define_rule('rls_switch_function_callable', 'high', 'a SECURITY DEFINER function that switches row security or changes policies');
create function tenancy.rule_rls_switch_function_callable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('function %s', r.oid::regprocedure),
         format('%s, and with the rights of %s it switches off what keeps tenants apart', r.how, r.proowner::regrole),
         coalesce((select format('revoke execute on routine %s from %s', c.oid::regprocedure, c.grantees)
                     from tenancy.callable_routine c where c.oid = r.oid),
                  (select string_agg(format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass), '; ')
                     from pg_trigger t where t.tgfoid = r.oid and not t.tgisinternal))
    from tenancy.runnable_source r
   where r.prosecdef
     and (regexp_replace(r.source, '--[^\n]*', '', 'g')
            ~* '\m(disable|no\s+force)\s+row\s+level\s+security|\mrow_security\M|\m(create|alter|drop)\s+policy\M|\mbypassrls\M|\mtenancy\.unprotect'
          or exists (select from unnest(r.proconfig) c where c ~ '^row_security='))
$function$;

-- ---------------------------------------------------------------- event triggers
select tenancy.define_rule('event_trigger_weak', 'high', 'an event trigger that is switched off or whose function belongs to somebody weak');
create function tenancy.rule_event_trigger_weak() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  -- Ours, by membership: the guard.
  select format('event trigger %I', t.evtname),
         case when t.evtenabled = 'D' then 'the guard is off: a table without protection, a policy dropped or a view without security_invoker goes unseen'
              else 'the guard does not look at whoever sets session_replication_role' end,
         format('alter event trigger %I enable always', t.evtname)
    from pg_event_trigger t
    join pg_depend d on d.classid = 'pg_event_trigger'::regclass and d.objid = t.oid and d.deptype = 'e'
     and d.refclassid = 'pg_extension'::regclass
    join pg_extension e on e.oid = d.refobjid and e.extname = 'tenancy'
   where t.evtenabled <> 'A'
  union all
  select format('event trigger %I', t.evtname),
         format('%s owns its function %s and rewrites it: the code runs as whoever changes a table next, a superuser for instance',
                p.proowner::regrole, p.oid::regprocedure),
         format(E'-- Read the function first: it may have been changed already.\nalter function %s owner to %s', p.oid::regprocedure, t.evtowner::regrole)
    from pg_event_trigger t
    join pg_proc p on p.oid = t.evtfoid
    join pg_roles o on o.oid = p.proowner
   where not o.rolsuper
$function$;

revoke execute on function tenancy.source_without_literals(text), tenancy.concatenates_statement(oid) from public;
