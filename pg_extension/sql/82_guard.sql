-- The guard: watches DDL for statements that take isolation away or leave a new table without it (tenancy.guard).
--
-- Who runs what. The event trigger runs as whoever runs the statement. What it looks for is found in the catalogs alone, by
-- guard_findings(), as the extension's owner: no code of a table's owner runs there. Statements that mend are computed there
-- too, but run by the event trigger: with the rights of who ran the statement and no others.

create function tenancy.guard_mode() returns text language c stable parallel restricted as 'MODULE_PATHNAME', 'tenancy_guard_mode';
comment on function tenancy.guard_mode() is
  'internal: tenancy.guard as it counts for the statement that runs: off in a restore and in scripts of extensions, at most warn while replication applies';

create function tenancy.own_work() returns text language c volatile parallel restricted as 'MODULE_PATHNAME', 'tenancy_own_work';
comment on function tenancy.own_work() is
  'internal: which function of the extension''s own runs the statement that the guard is asked about; unknown in the statement that loads the library';

create function tenancy.granted_relations(command pg_ddl_command) returns oid[]
  language c volatile parallel restricted as 'MODULE_PATHNAME', 'tenancy_granted_relations';
comment on function tenancy.granted_relations(pg_ddl_command) is 'internal: relations whose rights a GRANT has changed; NULL for other commands';

create function tenancy.changes_owner(command pg_ddl_command) returns boolean
  language c volatile parallel restricted as 'MODULE_PATHNAME', 'tenancy_changes_owner';
comment on function tenancy.changes_owner(pg_ddl_command) is 'internal: whether an ALTER TABLE has changed the owner';

create type tenancy.guard_finding as (
  fact text,
  mend text,
  statements text[],
  trouble text,
  at_once boolean
);
comment on type tenancy.guard_finding is 'internal: what the guard has to say of a statement, and what mends it';
comment on column tenancy.guard_finding.fact is 'what the statement did, in a few words';
comment on column tenancy.guard_finding.mend is 'what to do about it: the hint';
comment on column tenancy.guard_finding.statements is 'what mends it, to be run one after another; NULL where nothing does';
comment on column tenancy.guard_finding.trouble is 'why nothing does';
comment on column tenancy.guard_finding.at_once is 'whether it is mended in every mode';
revoke usage on type tenancy.guard_finding from public;

-- The column that holds the tenant, as far as it can be known: of a protected table by its policies, of another by its name.
create function tenancy.guard_column(relation regclass) returns name
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  answer name;
begin
  -- The walls of single commands hold the tenant's own rows only, so that the first column in them is the tenant's.
  select a.attname into answer
    from pg_policy p
    join pg_attribute a on a.attrelid = relation
     and a.attnum = substring(coalesce(p.polqual, p.polwithcheck)::text, ':varattno (\d+)')::int2
   where p.polrelid = relation and (p.polname = 'tenancy_tenant' or p.polname like 'tenancy\_wall%')
   order by p.polname desc limit 1;
  if found then
    return answer;
  end if;
  select a.attname into answer
    from pg_attribute a
   where a.attrelid = relation and a.attname = 'tenant_id' and a.attnum > 0 and not a.attisdropped;
  if found then
    return answer;
  end if;
  -- Last, as it reads all policies. The key of a table of tenants has a name of any table.
  select a.attname into answer
    from pg_attribute a
   where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
     and a.attname in (select p.tenant_column from tenancy.protection p where p.kind = 'tenant' and not p.registry)
   limit 1;
  return answer;
end
$function$;
comment on function tenancy.guard_column(regclass) is 'internal: the tenant column of a relation, protected or not; NULL where none is seen';

-- The options of a relation that is protected or has just lost a policy.
create function tenancy.guard_options(relation regclass) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(
    (select tenancy.options_of(relation)
            || case when exists (select from pg_policy p where p.polrelid = relation and p.polname = 'tenancy_wall_insert') then '{"shared": true}' else '{}' end::jsonb),
    (select jsonb_build_object(
       'kind', 'tenant',
       'column', tenancy.guard_column(relation),
       'access', case when tenancy.tenants_write(relation) or tenancy.granted_on(relation, 'tenancy_admin') = '{}' then 'write' else 'read' end,
       'owner_column', (
         select a.attname
           from pg_policy p
           join pg_attribute a on a.attrelid = relation
            and a.attnum = substring(coalesce(p.polqual, p.polwithcheck)::text, ':varattno \d+ .*:varattno (\d+)')::int2
          where p.polrelid = relation and p.polname = 'tenancy_wall' and not shared),
       'shared', shared,
       'keys', false)
       from (select exists (select from pg_policy p where p.polrelid = relation and p.polname in ('tenancy_shared', 'tenancy_wall_insert')) as shared) s))
$function$;
comment on function tenancy.guard_options(regclass) is 'internal: options with which the guard protects a relation';

-- What tenancy.protect() would run, with its note, as a list.
create function tenancy.guard_plan(root regclass, options jsonb, is_child boolean) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relation regclass;
  plan text[] := '{}';
begin
  for relation in select r from tenancy.with_children(root) r loop
    perform tenancy.require_protectable(relation, options);
    -- NOT NULL is the one statement for which the planner calls functions in the owner's constraints: as the owner.
    plan := plan || array(
      select case m.step when 'not null' then format('select tenancy.run_as_owner(%s, %L)', relation::oid, m.statement) else m.statement end
        from tenancy.missing_protection(relation, options, is_child or relation <> root) m);
    if not exists (select from pg_policy p where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference')) then
      plan := plan || tenancy.note_statement(relation,
        case options ->> 'kind' when 'reference' then 'tenancy_reference' else 'tenancy_tenant' end,
        tenancy.state_before(relation, options) || options || '{"keys": false}');
    end if;
  end loop;
  return plan;
end
$function$;
comment on function tenancy.guard_plan(regclass, jsonb, boolean) is 'internal: the statements that protect a relation with its children';

create function tenancy.guard_accepted(rule name, relation regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (select from tenancy.acceptance a where a.rule = guard_accepted.rule and a.object = relation::text)
$function$;
comment on function tenancy.guard_accepted(name, regclass) is 'internal: whether somebody has accepted that finding of tenancy.check()';

-- Views and materialized views over protected tables, through views.
create function tenancy.guard_reads_protected(view regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive under (relation) as (
    select view
    union
    select d.refobjid::regclass
      from under
      join pg_rewrite w on w.ev_class = under.relation and w.ev_type = '1'
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
  )
  select exists (select from under join pg_policy p on p.polrelid = under.relation and p.polname = 'tenancy_tenant')
$function$;
comment on function tenancy.guard_reads_protected(regclass) is 'internal: whether a view reads a protected table, at whatever depth';

-- Whether a table, view or policy is as it should be after the statement.
create function tenancy.guard_relation(target regclass, mode text, made boolean) returns setof tenancy.guard_finding
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  class pg_class;
  answer tenancy.guard_finding;
  member regclass;
  options jsonb;
  tenant_column name;
  parent_protected boolean;
begin
  select c.* into class from pg_class c where c.oid = target;
  if not found or class.relpersistence = 't' or class.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'tenancy'::regnamespace)
     or class.relkind not in ('r', 'p', 'f', 'v', 'm')
     or exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = target and d.deptype = 'e') then
    return;
  end if;

  if class.relkind = 'v' then
    if not exists (select from pg_options_to_table(class.reloptions) o where o.option_name = 'security_invoker' and o.option_value::bool)
       and tenancy.guard_reads_protected(target)
       and not exists (select from tenancy.directory d where target in (d.accounts, d.memberships))
       and not tenancy.guard_accepted('view_without_security_invoker', target) then
      answer.fact := format('view %s reads protected tables with the rights of its owner', target);
      answer.mend := format('alter view %s set (security_invoker = true)', target);
      answer.statements := array[answer.mend];
      return next answer;
    end if;
    return;
  end if;
  if class.relkind = 'm' then
    if tenancy.guard_reads_protected(target) and not tenancy.guard_accepted('matview_readable', target) then
      answer.fact := format('materialized view %s keeps rows of protected tables without their policies', target);
      answer.mend := format('drop materialized view %s; -- or grant it to nobody, and select tenancy.accept(''matview_readable'', %L, ''why'')', target, target::text);
      return next answer;
    end if;
    return;
  end if;

  -- Partitions and children, of any depth.
  for member in
    select r from tenancy.with_children(target) r
     where exists (select from pg_inherits i join tenancy.protection p on p.relation = i.inhparent where i.inhrelid = r)
  loop
    select c.* into class from pg_class c where c.oid = member;
    select tenancy.options_of(i.inhparent::regclass) || '{"keys": false}' into options
      from pg_inherits i join tenancy.protection p on p.relation = i.inhparent
     where i.inhrelid = member order by i.inhseqno limit 1;
    if class.relkind in ('r', 'p') and class.relrowsecurity and (class.relforcerowsecurity or options ->> 'kind' = 'reference')
       and not exists (select from tenancy.missing_policies(member, options)) then
      continue;
    end if;
    answer := null;
    answer.fact := format('%s is protected as its parent is', member);
    answer.mend := format('select tenancy.protect_like_parent(%L)', member::text);
    answer.at_once := true;
    begin
      answer.statements := tenancy.guard_plan(member, options, true);
    exception when others then
      answer.fact := format('%s is not protected, though its parent is', member);
      answer.trouble := sqlerrm;
    end;
    return next answer;
  end loop;
  select c.* into class from pg_class c where c.oid = target;
  parent_protected := exists (select from pg_inherits i join tenancy.protection p on p.relation = i.inhparent where i.inhrelid = target);
  if parent_protected then
    return;
  end if;

  -- Protected, or it was until now.
  if exists (select from pg_policy p where p.polrelid = target and p.polname = any (tenancy.our_policies())) then
    options := tenancy.guard_options(target);
    if class.relrowsecurity and (class.relforcerowsecurity or options ->> 'kind' = 'reference')
       and not exists (select from tenancy.missing_policies(target, options)) then
      return;
    end if;
    answer := null;
    answer.fact := format('the protection of table %s is not whole any more: %s', target,
      case when not class.relrowsecurity then 'row security is disabled'
           when not class.relforcerowsecurity and options ->> 'kind' <> 'reference' then 'its owner is not held'
           else 'a policy is not what tenancy.protect() made' end);
  else
    tenant_column := tenancy.guard_column(target);
    if tenant_column is null or tenancy.guard_accepted('rls_disabled_on_tenant_table', target) then
      return;
    end if;
    answer := null;
    if class.relkind = 'f' then
      answer.fact := format('row security does not reach the foreign table %s, which has the tenant column %I', target, tenant_column);
      answer.mend := format('drop foreign table %s; -- or grant it to nobody, and select tenancy.accept(''rls_disabled_on_tenant_table'', %L, ''why'')', target, target::text);
      return next answer;
      return;
    end if;
    options := tenancy.guard_options(target);
    answer.fact := format('table %s has the tenant column %I and no protection', target, tenant_column);
  end if;
  answer.mend := case options ->> 'kind'
    when 'reference' then format('select tenancy.protect(%L, reference => true)', target::text)
    else format('select tenancy.protect(%L, %L%s%s%s)', target::text, options ->> 'column',
                case when options ->> 'access' = 'read' then ', access => ''read''' else '' end,
                coalesce(', owner_column => ' || quote_literal(options ->> 'owner_column'), ''),
                case when options -> 'shared' = 'true' then ', shared => true' else '' end) end;
  if mode = 'protect' then
    begin
      answer.statements := tenancy.guard_plan(target, options, false);
    exception when others then
      answer.trouble := sqlerrm;
    end;
  elsif mode = 'refuse' and made then
    answer.mend := 'set tenancy.guard = protect; -- then a table is protected as it is made';
  end if;
  return next answer;
end
$function$;
comment on function tenancy.guard_relation(regclass, text, boolean) is 'internal: what the guard finds at one relation after a statement that touched it';

create function tenancy.guard_rights(touched regclass[]) returns setof tenancy.guard_finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with relation as (
    select c.oid::regclass as relation, c.relkind, c.relowner, c.relacl, p.kind
      from pg_class c left join tenancy.protection p on p.relation = c.oid
     where c.oid = any (touched) and c.relkind in ('r', 'p', 'f', 'm') and c.relpersistence <> 't'
  ), attacker as materialized (
    select distinct r.role as oid from tenancy.reachable_role r
    union all select 0::oid
  ), granted as (
    select r.relation, r.kind, r.relkind, g.grantee, g.privilege_type as privilege, null::name as column_name
      from relation r cross join aclexplode(r.relacl) g where g.grantee <> r.relowner
    union all
    select r.relation, r.kind, r.relkind, g.grantee, g.privilege_type, a.attname
      from relation r join pg_attribute a on a.attrelid = r.relation and a.attacl is not null and not a.attisdropped
      cross join aclexplode(a.attacl) g where g.grantee <> r.relowner
  ), dangerous as (
    select g.relation, case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end as grantee, g.column_name,
           string_agg(g.privilege, ', ' order by g.privilege) as privileges,
           string_agg(g.privilege || coalesce(' (' || quote_ident(g.column_name) || ')', ''), ', ' order by g.privilege) as revoked
      from granted g
     where g.kind is not null and g.grantee in (select a.oid from attacker a)
       and (g.privilege in ('TRUNCATE', 'REFERENCES', 'TRIGGER') or (g.grantee = 0 and not (g.kind = 'reference' and g.privilege = 'SELECT')))
     group by 1, 2, 3
  )
  select format('%s on protected table %s is granted to %s', d.privileges, d.relation, d.grantee),
         m.mend, array[m.mend], null::text, false
    from dangerous d
    cross join lateral (select format('revoke %s on %s from %s', lower(d.revoked), d.relation, d.grantee) as mend) m
  union all
  select format('table %s has the tenant column %s and no protection, and is granted to %s', r.relation, quote_ident(t.tenant_column), who.grantees),
         m.mend,
         array(select format('revoke all on %s from %s', r.relation, x) from unnest(who.list) x), null, false
    from relation r
    cross join lateral (select tenancy.guard_column(r.relation) as tenant_column) t
    cross join lateral (
      select string_agg(distinct x.grantee, ', ') as grantees, array_agg(distinct x.grantee) as list
        from (select case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end as grantee
                from granted g where g.relation = r.relation and g.grantee in (select a.oid from attacker a)
                 and not (g.grantee = 'tenancy_admin'::regrole and tenancy.is_for_admins(format('table %s', r.relation), g.privilege))) x) who
    cross join lateral (
      select string_agg(format('revoke all on %s from %s', r.relation, x), '; ')
             || case when r.relkind in ('r', 'p') then format('; -- or: select tenancy.protect(%L, %L)', r.relation::text, t.tenant_column) else '' end as mend
        from unnest(who.list) x) m
   where r.kind is null and who.list is not null and t.tenant_column is not null
     and not tenancy.guard_accepted('rls_disabled_on_tenant_table', r.relation)
$function$;
comment on function tenancy.guard_rights(regclass[]) is 'internal: dangerous rights on the relations that a GRANT has touched';

-- An owner of a protected table whom an exposed role is or can become, or whom no policy holds.
create function tenancy.guard_owner(touched regclass) returns setof tenancy.guard_finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('protected table %s now belongs to %I, %s', p.relation, r.rolname,
                case when r.rolsuper or r.rolbypassrls then 'whom no policy holds' else 'whom an exposed role can become' end),
         format('-- alter table %s owner to a role of its own, which nobody logs in as', p.relation), null::text[], null::text, false
    from tenancy.protection p
    join pg_roles r on r.oid = p.relowner
   where p.relation = touched
     and (r.rolsuper or r.rolbypassrls or r.oid in (select x.role from tenancy.reachable_role x))
$function$;
comment on function tenancy.guard_owner(regclass) is 'internal: a protected table whose owner takes their protection''s worth away';

-- Everybody may call it, but outside an event trigger it has nothing to tell; there it tells facts of the catalogs.
create function tenancy.guard_findings(event text, mode text, own_work text) returns setof tenancy.guard_finding
  language plpgsql stable
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  answer tenancy.guard_finding;
  command record;
  target regclass;
  looked regclass[] := '{}';
begin
  if event = 'sql_drop' then
    for target in
      select distinct to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))
        from pg_event_trigger_dropped_objects() d
       where d.object_type = 'policy' and not d.is_temporary and d.address_names[3] = any (tenancy.our_policies())
    loop
      continue when target is null; -- the table went as well
      -- unprotect() is on its way as long as one is left, and children go with their parent.
      continue when own_work is not null
        and (exists (select from pg_policy p where p.polrelid = target and p.polname = any (tenancy.our_policies()))
             or exists (select from pg_inherits i where i.inhrelid = target));
      answer := null;
      for answer in select f.* from tenancy.guard_relation(target, mode, false) f loop
        return next answer;
      end loop;
      if not exists (select from tenancy.protection p where p.relation = target)
         and answer is null then
        answer.fact := format('a policy that tenancy.protect() made on table %s is dropped', target);
        answer.mend := '-- call tenancy.protect() for it again';
        return next answer;
      end if;
    end loop;
    return;
  end if;

  for command in
    select c.classid, c.objid, c.command_tag, c.command
      from pg_event_trigger_ddl_commands() c
     where not c.in_extension and c.schema_name is distinct from 'pg_temp'
       and (c.classid in ('pg_class'::regclass, 'pg_policy'::regclass) and c.command_tag ~ '^(CREATE|ALTER) (FOREIGN TABLE|TABLE|POLICY|VIEW|MATERIALIZED VIEW)|^SELECT INTO'
            or c.command_tag = 'GRANT')
  loop
    if command.command_tag = 'GRANT' then
      return query select f.* from tenancy.guard_rights(tenancy.granted_relations(command.command)::regclass[]) f;
      continue;
    end if;
    if command.classid = 'pg_policy'::regclass then
      select p.polrelid::regclass into target from pg_policy p where p.oid = command.objid;
      return query
        select format('policy %I widens what is seen of protected table %s', p.polname, p.polrelid::regclass),
               m.mend, array[m.mend], null::text, false
          from pg_policy p
          join tenancy.protection t on t.relation = p.polrelid and t.kind = 'tenant'
          cross join lateral (select format('drop policy %I on %s', p.polname, p.polrelid::regclass) as mend) m
         where p.oid = command.objid and p.polpermissive and p.polname <> all (tenancy.our_policies());
    else
      target := command.objid;
      if tenancy.changes_owner(command.command) then
        return query select f.* from tenancy.guard_owner(target) f;
      end if;
    end if;
    continue when target = any (looked);
    looked := looked || target;
    return query
      select f.* from tenancy.guard_relation(target, mode,
        command.command_tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')) f;
  end loop;
end
$function$;
comment on function tenancy.guard_findings(text, text, text) is 'internal: what the guard has to say of the statement whose event trigger asks';

create function tenancy.guard_event() returns event_trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  mode text := tenancy.guard_mode();
  own_work text := tenancy.own_work();
  stack text;
  findings tenancy.guard_finding[];
  finding record;
  statement text;
  trouble text;
begin
  if mode = 'off' then
    return;
  end if;
  if own_work = 'unknown' then
    -- The library came with this statement. Alone on the stack, it is not ours.
    get diagnostics stack = pg_context;
    own_work := case when strpos(stack, E'\n') > 0 then 'unknown' end;
  end if;
  -- What is taken back on purpose is told as well: its end is a table without protection.
  if own_work is not null and not (tg_event = 'sql_drop' and own_work in ('unprotect', 'unprotect_all')) then
    return;
  end if;

  begin
    findings := array(select f from tenancy.guard_findings(tg_event, mode, own_work) f);
  exception when others then
    -- The guard itself fails: that must not stop a database which is only to be warned.
    findings := array[row('the guard could not look at this statement', '-- set tenancy.guard = off lets it through; select * from tenancy.check() tells what is open',
                          null, sqlerrm, false)::tenancy.guard_finding];
  end;
  for finding in select f.fact, f.mend, f.statements, f.trouble, f.at_once from unnest(findings) f loop
    trouble := finding.trouble;
    if finding.statements is not null and own_work is null and (mode = 'protect' or finding.at_once) then
      begin
        foreach statement in array finding.statements loop
          execute statement;
        end loop;
        raise notice using message = case when finding.at_once then finding.fact else finding.fact || ': mended' end;
        continue;
      exception when others then
        trouble := sqlerrm;
      end;
    end if;
    if mode = 'warn' then
      raise warning using message = finding.fact || coalesce(': ' || trouble, ''), hint = finding.mend;
    else
      raise exception using
        errcode = 'object_not_in_prerequisite_state',
        message = finding.fact || coalesce(': ' || trouble, ''),
        hint = case when own_work is null then finding.mend
                    else 'set tenancy.guard = warn; -- the owner of the database or a superuser may' end;
    end if;
  end loop;
end
$function$;
comment on function tenancy.guard_event() is 'internal: the guard''s event trigger function';

revoke execute on function
  tenancy.guard_mode(), tenancy.own_work(), tenancy.granted_relations(pg_ddl_command), tenancy.changes_owner(pg_ddl_command),
  tenancy.guard_column(regclass), tenancy.guard_options(regclass), tenancy.guard_plan(regclass, jsonb, boolean),
  tenancy.guard_accepted(name, regclass), tenancy.guard_reads_protected(regclass), tenancy.guard_relation(regclass, text, boolean),
  tenancy.guard_rights(regclass[]), tenancy.guard_owner(regclass), tenancy.guard_findings(text, text, text), tenancy.guard_event()
from public;
-- The event trigger runs as anybody who runs DDL.
-- run_as_owner() asks for the owner's rights itself.
grant execute on function tenancy.guard_mode(), tenancy.own_work(), tenancy.guard_findings(text, text, text), tenancy.run_as_owner(regclass, text) to public;

create event trigger tenancy_guard on ddl_command_end execute function tenancy.guard_event();
create event trigger tenancy_guard_drop on sql_drop execute function tenancy.guard_event();
-- Always: session_replication_role would switch them off otherwise.
alter event trigger tenancy_guard enable always;
alter event trigger tenancy_guard_drop enable always;
comment on event trigger tenancy_guard is 'watches DDL for isolation that is missing or lost (tenancy.guard)';
comment on event trigger tenancy_guard_drop is 'watches dropped policies for isolation that is lost (tenancy.guard)';
