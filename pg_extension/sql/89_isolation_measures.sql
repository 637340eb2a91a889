-- The isolation suite, part four: the counter-measures of a table, taken away one after the other.

-- Runs probes under a change that is rolled back. Answers the titles of those whose outcome is not the wanted one.
create function tenancy.isolation_under(changes text[], probes tenancy.isolation_probe[], want_held boolean, out wrong text[], out failure text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  change text;
  probe tenancy.isolation_probe;
  result record;
begin
  wrong := '{}';
  begin
    foreach change in array changes loop
      execute change;
    end loop;
    foreach probe in array probes loop
      result := tenancy.isolation_outcome(probe);
      if (result.outcome = 'held' or want_held and result.outcome = 'elsewhere') <> want_held then
        wrong := wrong || format('%s: %s', probe.relation, probe.title);
      end if;
    end loop;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      null;
    when others then
      failure := format('%s (%s)', sqlerrm, sqlstate);
  end;
end
$function$;
comment on function tenancy.isolation_under(text[], tenancy.isolation_probe[], boolean) is 'internal: the probes that do not come out as wanted while a counter-measure is away';

create function tenancy.isolation_verdict(name text, measure text, blind text[], failure text) returns tenancy.isolation_line
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select tenancy.isolation_told(blind = '{}' and failure is null,
    case when failure is not null then format('%s: %s can be taken away for a test', name, measure)
         when blind = '{}' then format('%s: without %s the suite notices', name, measure)
         else format('%s: the suite would not notice that %s is gone', name, measure) end,
    array[failure] || blind)
$function$;
comment on function tenancy.isolation_verdict(text, text, text[], text) is 'internal: the line about a counter-measure that was taken away: blind are the probes that noticed nothing';

-- A probe as things are, and once more without what stops it. Some rights only a superuser can grant.
create function tenancy.isolation_pair(name text, probe tenancy.isolation_probe, changes text[], measure text) returns tenancy.isolation_line[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  result record;
  lines tenancy.isolation_line[];
begin
  result := tenancy.isolation_outcome(probe);
  lines := array[tenancy.isolation_told(result.outcome in ('held', 'elsewhere'), format('%s: %s', name, probe.title), array[format('%s: %s', result.outcome, result.note), probe.statement])];
  if changes is null then
    return lines;
  end if;
  if exists (select from unnest(changes) c where c like 'grant pg\_%') and not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    return lines || tenancy.isolation_told(true, format('%s: without %s the suite notices', name, measure), null, 'only a superuser can try');
  end if;
  result := tenancy.isolation_under(changes, array[probe], false);
  return lines || tenancy.isolation_verdict(name, measure, result.wrong, result.failure);
end
$function$;
comment on function tenancy.isolation_pair(text, tenancy.isolation_probe, text[], text) is 'internal: a probe with and without its counter-measure';

-- All relations under a view.
create function tenancy.isolation_under_view(view regclass) returns setof regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive below (relation) as (
    select view::oid
    union
    select d.refobjid
      from below join pg_rewrite r on r.ev_class = below.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
  )
  select b.relation::regclass from below b
$function$;
comment on function tenancy.isolation_under_view(regclass) is 'internal: the relations that a view reads';

create function tenancy.isolation_rights(relations regclass[]) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select array(select format('grant select, insert, update, delete on %s to tenancy_user', tenancy.isolation_quoted(r)) from unnest(relations) r)
      || array(select distinct format('grant usage on schema %I to tenancy_user', n.nspname)
                 from unnest(relations) r join pg_class c on c.oid = r join pg_namespace n on n.oid = c.relnamespace
                where not has_schema_privilege('tenancy_user', n.oid, 'usage'))
$function$;
comment on function tenancy.isolation_rights(regclass[]) is 'internal: statements that give tenants all rights on rows';

create function tenancy.isolation_open(relations regclass[]) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select tenancy.isolation_rights(relations)
      || array(select format('drop policy %I on %s', p.polname, tenancy.isolation_quoted(p.polrelid)) from pg_policy p
                where p.polrelid = any (relations) and p.polname like 'tenancy\_%')
      || array(select format('create policy tenancy_isolation_open on %s using (true) with check (true)', tenancy.isolation_quoted(r)) from unnest(relations) r)
$function$;
comment on function tenancy.isolation_open(regclass[]) is 'internal: statements that put a policy in the place of the extension''s which lets all through';

-- The probes of the rows as things are, and without what holds them: what notices nothing then, shows nothing now.
create function tenancy.isolation_measures(protected tenancy.protection, probes tenancy.isolation_probe[]) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  tree constant regclass[] := array(select c from tenancy.with_children(protected.relation) c);
  on_rows constant tenancy.isolation_probe[] := array(select p from unnest(probes) p where p.kind <> 'view');
  selected tenancy.isolation_probe[];
  held tenancy.isolation_probe[] := '{}';
  probe tenancy.isolation_probe;
  blind boolean;
  result record;
begin
  foreach probe in array probes loop
    result := tenancy.isolation_outcome(probe);
    if result.outcome in ('held', 'elsewhere') then
      held := held || probe;
    end if;
    -- A view joins other tables: it shows what it would tell when all of them are open.
    blind := false;
    if probe.kind = 'view' then
      select u.wrong <> '{}' or u.failure is not null into blind
        from tenancy.isolation_under(tenancy.isolation_open(array(
               select c from tenancy.isolation_under_view(probe.view) v join pg_policy p on p.polrelid = v and p.polname = 'tenancy_tenant'
                cross join tenancy.with_children(v) c group by c)), array[probe], false) u;
    end if;
    return next tenancy.isolation_told(result.outcome in ('held', 'elsewhere'), format('%s: %s', probe.relation, probe.title),
      array[format('%s: %s', result.outcome, result.note), probe.statement],
      case when result.outcome = 'held' and blind then 'a row more or less changes nothing in it'
           when result.outcome = 'elsewhere' then 'the application refuses it itself' end);
  end loop;

  result := tenancy.isolation_under(tenancy.isolation_open(tree), on_rows, false);
  return next tenancy.isolation_verdict(name, 'its policies', result.wrong, result.failure);
  result := tenancy.isolation_under(tenancy.isolation_rights(tree)
    || array(select format('alter table %s disable row level security', tenancy.isolation_quoted(c)) from unnest(tree) c), on_rows, false);
  return next tenancy.isolation_verdict(name, 'its row security', result.wrong, result.failure);
  if protected.kind <> 'tenant' then
    return;
  end if;

  selected := array(select p from unnest(held) p where p.kind in ('tenant', 'prepared', 'parallel') and p.tenant is not null);
  result := tenancy.isolation_under(array(
    select format('create policy tenancy_isolation_careless on %s using (true) with check (true)', tenancy.isolation_quoted(c)) from unnest(tree) c), selected, true);
  return next tenancy.isolation_told(result.wrong = '{}' and result.failure is null, format('%s: a careless policy beside the others opens nothing', name),
                                     array[result.failure] || result.wrong);

  selected := array(select p from unnest(probes) p where p.kind = 'owner');
  if selected = '{}' then
    return next tenancy.isolation_told(true, format('%s: the owner of the table is held by the policies too', name), null, 'its owner is a superuser or has BYPASSRLS');
  else
    result := tenancy.isolation_under(array[format('alter table %s no force row level security', tenancy.isolation_quoted(protected.relation))], selected, false);
    return next tenancy.isolation_verdict(name, 'FORCE', result.wrong, result.failure);
  end if;
end
$function$;
comment on function tenancy.isolation_measures(tenancy.protection, tenancy.isolation_probe[]) is 'internal: lines of the probes, with and without the policies, row security and FORCE';

-- Statements that know no rows.
create function tenancy.isolation_commands(protected tenancy.protection, tenant text, user_id text) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  target constant text := tenancy.isolation_quoted(protected.relation);
  unsealed constant text := 'set local tenancy.seal = off';
  -- Before the grant: since PostgreSQL 16 a membership keeps what the attribute was when it was granted.
  inheriting constant text := 'alter role tenancy_user inherit';
  probe tenancy.isolation_probe;
begin
  probe.relation := protected.relation;
  probe.kind := 'command';
  probe.tenant := tenant;
  probe.user_id := user_id;
  probe.title := 'it is not truncated';
  probe.statement := 'truncate ' || target;
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array[format('grant truncate on %s to tenancy_user', target), unsealed], 'the seal and the missing right to TRUNCATE')) p;
  -- The file cannot be written, and so is not, even where tenants may.
  probe.title := 'it is not copied to a file';
  probe.statement := format('copy (select * from %s) to ''/nonexistent/tenancy_isolation''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array[inheriting, 'grant pg_write_server_files to tenancy_user', unsealed], 'the seal and the missing right to write files')) p;
  probe.title := 'it is not copied to a program';
  probe.statement := format('copy (select * from %s) to program ''false''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe, null, null)) p;
  probe.title := 'it is not filled from a file';
  probe.statement := format('copy %s from ''/nonexistent/tenancy_isolation''', target);
  return query select p.* from unnest(tenancy.isolation_pair(name, probe,
    array[inheriting, 'grant pg_read_server_files to tenancy_user', unsealed, format('grant insert on %s to tenancy_user', target)],
    'the seal and the missing right to read files')) p;
end
$function$;
comment on function tenancy.isolation_commands(tenancy.protection, text, text) is 'internal: lines about TRUNCATE and COPY';
