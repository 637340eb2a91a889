-- The isolation suite, part four: one table after the other, as it is and with each counter-measure taken away.

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

-- References of a table to other protected tables: the columns that choose the parent within the tenant, and the probe
-- that chooses another tenant's.
create function tenancy.isolation_references(protected tenancy.protection, own jsonb, tenant text, other_tenant text, user_id text, other_user text)
  returns table (probes tenancy.isolation_probe[], parent regclass, complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  foreign_key record;
  found_row jsonb;
  chosen jsonb;
  probe tenancy.isolation_probe;
  target constant text := tenancy.isolation_quoted(protected.relation);
begin
  for foreign_key in
    select k.confrelid::regclass as parent, p.tenant_column as parent_tenant,
           array_agg(a.attname::text order by u.o) as own_columns, array_agg(f.attname::text order by u.o) as referenced
      from pg_constraint k
      join tenancy.protection p on p.relation = k.confrelid and p.kind = 'tenant'
     cross join unnest(k.conkey, k.confkey) with ordinality as u (own, referenced, o)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.own
      join pg_attribute f on f.attrelid = k.confrelid and f.attnum = u.referenced
     where k.conrelid = protected.relation and k.contype = 'f'
       and not exists (select from pg_constraint q where q.oid = k.conparentid and q.conrelid = k.conrelid)
       and a.attnum is distinct from protected.tenant_attnum
     group by k.oid, k.confrelid, p.tenant_column
    -- The owner's column is held by the policies.
    having not bool_or(a.attnum is not distinct from protected.owner_attnum)
  loop
    found_row := tenancy.isolation_find(foreign_key.parent, other_tenant, '{}');
    complaint := null;
    if found_row is null then
      select m.made, m.complaint into found_row, complaint from tenancy.isolation_make(foreign_key.parent, other_tenant, other_user, '{}', 1) m;
    end if;
    parent := foreign_key.parent;
    probes := '{}';
    if complaint is null then
      select jsonb_object_agg(o, found_row -> 'row' -> r) into chosen from unnest(foreign_key.own_columns, foreign_key.referenced) as u (o, r);
      -- Keys that begin with the tenant may have the same rest in both: then this is the tenant's own parent.
      if tenancy.isolation_find(foreign_key.parent, tenant, (select jsonb_object_agg(r, found_row -> 'row' -> r) from unnest(foreign_key.referenced) r)) is null then
        probe.relation := protected.relation;
        probe.kind := 'reference';
        probe.tenant := tenant;
        probe.user_id := user_id;
        probe.title := format('a row is not pointed at a row of another tenant in %s', foreign_key.parent);
        probe.statement := format('update %s t set %s where t.tableoid = %s and t.ctid = %L', target,
          (select string_agg(format('%I = %L', c.key, c.value #>> '{}'), ', ') from jsonb_each(chosen) c), own ->> 'table', own ->> 'ctid');
        probes := probes || probe;
        probe.title := format('nor is a new row in %s', foreign_key.parent);
        probe.statement := tenancy.isolation_insert_sql(protected.relation, tenancy.isolation_copy(protected.relation, own -> 'row') || chosen);
        probes := probes || probe;
      end if;
    end if;
    return next;
  end loop;
end
$function$;
comment on function tenancy.isolation_references(tenancy.protection, jsonb, text, text, text, text) is 'internal: the probes of the foreign keys of a table';

-- All lines of one table, its partitions and its children. Everything is rolled back before they are told.
create function tenancy.isolation_table(protected tenancy.protection, tenant text, other_tenant text, user_id text, other_user text)
  returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  target constant text := tenancy.isolation_quoted(protected.relation);
  at_tenant constant jsonb := case protected.kind when 'tenant' then jsonb_build_object(protected.tenant_column, other_tenant) else '{}' end;
  lines tenancy.isolation_line[] := '{}';
  probes tenancy.isolation_probe[] := '{}';   -- about rows: each must notice when the policies are gone
  special tenancy.isolation_probe[];
  probe tenancy.isolation_probe;
  relation tenancy.protection;
  owned jsonb := '{}';
  own jsonb;
  victim jsonb;
  colleague jsonb;
  owner_key record;
  parent_row jsonb;
  complaint text;
  trial record;
  result record;
  blind text[];
  open_policies text[];
  no_row_security text[];
  reference record;
  view regclass;
begin
  begin
    -- Deferred triggers would fire after all this is gone; a restricted operation refuses them.
    set constraints all immediate;
    perform set_config('tenancy.guard', 'off', true) from pg_settings s where s.name = 'tenancy.guard';

    -- 1. Rows.
    if protected.owner_column is not null then
      select k.confrelid::regclass as parent, f.attname::text as referenced into owner_key
        from pg_constraint k cross join unnest(k.conkey, k.confkey) as u (own, referenced)
        join pg_attribute f on f.attrelid = k.confrelid and f.attnum = u.referenced
       where k.conrelid = protected.relation and k.contype = 'f' and u.own = protected.owner_attnum
       order by cardinality(k.conkey) desc limit 1;
      if owner_key.parent is null then
        owned := jsonb_build_object(protected.owner_column, tenancy.isolation_invented(protected.relation, protected.owner_attnum, 1));
      end if;
    end if;
    own := tenancy.isolation_find(protected.relation, tenant, '{}');
    if own is null then
      select m.made, m.complaint into own, complaint from tenancy.isolation_make(protected.relation, tenant, user_id,
        owned, 0) m;
    end if;
    if complaint is null then
      if protected.owner_column is not null then
        user_id := own #>> array['row', protected.owner_column::text];
      end if;
      victim := case protected.kind when 'tenant' then tenancy.isolation_find(protected.relation, other_tenant, '{}') else own end;
      if victim is null then
        select m.made, m.complaint into victim, complaint from tenancy.isolation_make(protected.relation, other_tenant, other_user,
          owned, 0) m;
      end if;
    end if;
    lines := lines || tenancy.isolation_told(complaint is null, format('%s: there are rows to try it with', name), array[complaint]);

    if complaint is null then
      -- 2. The tenant can work: a suite in which nothing works shows nothing.
      trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select 1 from %s t where t.tableoid = %s and t.ctid = %L',
                 target, own ->> 'table', own ->> 'ctid'), null, false);
      lines := lines || tenancy.isolation_told(trial.code = '00000' and trial.rows = 1, format('%s: %s', name,
                 case protected.kind when 'reference' then 'a tenant reads' else 'a tenant reads its own row' end),
                 array[format('%s rows, %s %s', trial.rows, trial.code, trial.message)]);
      if protected.kind = 'tenant' and protected.writable then
        trial := tenancy.isolation_try(protected.relation, tenant, user_id, tenancy.isolation_insert_sql(protected.relation,
                   tenancy.isolation_copy(protected.relation, own -> 'row')), null, false);
        -- A key that is taken speaks after the policies have let the row through.
        lines := lines || tenancy.isolation_told(trial.code = '00000' and trial.rows = 1 or trial.code in ('23505', '23P01'), format('%s: a tenant inserts a row of its own', name),
                   array[format('%s rows, %s %s', trial.rows, trial.code, trial.message)]);
      end if;
      if protected.kind = 'tenant' then
        begin
          select t.value as counted into reference from tenancy.try_as_tenant(tenant, user_id, format('select count(*) from (select from %s t limit 100000) t', target)) t;
          perform tenancy.isolation_force_parallel();
          trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select count(*) from (select from %s t limit 100000) t', target), null, false);
          raise exception using errcode = 'ISO00';
        exception when sqlstate 'ISO00' then
          null;
        end;
        lines := lines || tenancy.isolation_told(trial.value = reference.counted and trial.value <> '0', format('%s: a parallel plan finds as many of its own rows', name),
                   array[format('%s rows alone, %s in parallel; %s %s', reference.counted, trial.value, trial.code, trial.message)]);
      end if;

      -- 3. The probes.
      if protected.kind = 'reference' then
        probes := probes || array(select p from tenancy.isolation_probes(protected, 'reference', null, victim, tenant, user_id, true, true) p);
      else
        probes := probes || array(select p from tenancy.isolation_probes(protected, 'another tenant', own, victim, tenant, user_id, false, true) p);
        probe := probes[1];
        probe.user_id := null;
        probe.tenant := null;
        probe.title := 'without a context no row is read';
        probes := probes || probe;
        if not protected.writable then
          probes := probes || array(select p from tenancy.isolation_probes(protected, 'its own tenant', null, own, tenant, user_id, true, true) p);
        end if;
        if not exists (select from pg_roles r where r.oid = protected.relowner and (r.rolsuper or r.rolbypassrls)) then
          probe := probes[1];
          probe.kind := 'owner';
          probe.title := 'the owner of the table is held by the policies too';
          probes := probes || probe;
        end if;
      end if;
      if protected.owner_column is not null then
        if owner_key.parent is not null then
          select m.made, m.complaint into parent_row, complaint from tenancy.isolation_make(owner_key.parent, tenant, user_id, '{}', 1) m;
        end if;
        if complaint is null then
          select m.made, m.complaint into colleague, complaint from tenancy.isolation_make(protected.relation, tenant, user_id, jsonb_build_object(
            protected.owner_column, coalesce(parent_row #>> array['row', owner_key.referenced],
                                             tenancy.isolation_invented(protected.relation, protected.owner_attnum, 3))), 0) m;
        end if;
        lines := lines || tenancy.isolation_told(complaint is null, format('%s: there is a row of another user to try it with', name), array[complaint]);
        if complaint is null then
          probes := probes || array(select p from tenancy.isolation_probes(protected, 'another user', own, colleague, tenant, user_id, false, true) p);
        end if;
        complaint := null;
      end if;
      if protected.shared then
        colleague := tenancy.isolation_find(protected.relation, null, '{}');
        if colleague is null then
          select m.made, m.complaint into colleague, complaint from tenancy.isolation_make(protected.relation, null, user_id, '{}', 0) m;
        end if;
        if complaint is null then
          trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select 1 from %s t where t.tableoid = %s and t.ctid = %L',
                     target, colleague ->> 'table', colleague ->> 'ctid'), null, false);
          complaint := case when trial.code <> '00000' or trial.rows <> 1 then format('%s rows, %s %s', trial.rows, trial.code, trial.message) end;
        end if;
        lines := lines || tenancy.isolation_told(complaint is null, format('%s: a row of all tenants is read', name), array[complaint]);
        if colleague is not null then
          probes := probes || array(select p from tenancy.isolation_probes(protected, 'all tenants', own, colleague, tenant, user_id, true, true) p);
        end if;
        complaint := null;
      end if;
      for view in select v from tenancy.isolation_views(protected.relation) v where protected.kind = 'tenant' loop
        probe := probes[1];
        probe.kind := 'view';
        probe.title := format('the view %s tells nothing of another tenant', view);
        probe.statement := format('select pg_catalog.count(*) || '' '' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(v::pg_catalog.text, 0)), 0) from %s v', tenancy.isolation_quoted(view));
        probes := probes || probe;
      end loop;

      -- Partitions and children, by their own names.
      for relation in
        select p.* from tenancy.with_children(protected.relation) c join tenancy.protection p on p.relation = c
         where c <> protected.relation
        union all
        -- A child without policies is attacked like the others.
        select c.oid::regclass, c.relowner, c.relkind, protected.kind, protected.tenant_column, a.attnum, protected.tenant_type, protected.owner_column,
               o.attnum, false, false, false, true
          from tenancy.with_children(protected.relation) w join pg_class c on c.oid = w
          left join pg_attribute a on a.attrelid = c.oid and a.attname = protected.tenant_column
          left join pg_attribute o on o.attrelid = c.oid and o.attname = protected.owner_column
         where c.oid <> protected.relation and not exists (select from tenancy.protection p where p.relation = c.oid)
      loop
        continue when relation.relkind not in ('r', 'p');
        colleague := null;
        if (victim ->> 'table')::oid = relation.relation then
          colleague := victim;
        else
          colleague := tenancy.isolation_find(relation.relation, other_tenant, at_tenant);
        end if;
        complaint := null;
        if colleague is null then
          select m.made, m.complaint into colleague, complaint from tenancy.isolation_make(relation.relation, other_tenant, other_user,
            at_tenant, 1) m;
        end if;
        if colleague is not null then
          probes := probes || array(select p from tenancy.isolation_probes(relation, 'another tenant', null, colleague, tenant, user_id, false, false) p);
        else
          -- No row of that tenant fits into it: then nobody may have a right to it.
          lines := lines || tenancy.isolation_told(not has_any_column_privilege('tenancy_user', relation.relation, 'select, insert, update, references')
                                and not has_table_privilege('tenancy_user', relation.relation, 'delete, truncate'),
                                format('%s: takes no row of another tenant, and tenants have no right to it by its own name', relation.relation),
                                array[complaint]);
        end if;
      end loop;

      -- What ran as the owner has left plans that know of no FORCE.
      discard plans;

      select coalesce(array_agg(s), '{}') into open_policies from (
        select format('drop policy %I on %s', p.polname, tenancy.isolation_quoted(p.polrelid)) as s
          from pg_policy p join tenancy.with_children(protected.relation) c on c = p.polrelid where p.polname like 'tenancy\_%'
        union all
        select format('create policy tenancy_isolation_open on %s using (true) with check (true)', tenancy.isolation_quoted(c)) from tenancy.with_children(protected.relation) c
        union all
        select format('grant select, insert, update, delete on %s to tenancy_user', tenancy.isolation_quoted(c)) from tenancy.with_children(protected.relation) c
        union all
        select distinct format('grant usage on schema %I to tenancy_user', n.nspname)
          from tenancy.with_children(protected.relation) w join pg_class c on c.oid = w join pg_namespace n on n.oid = c.relnamespace
         where not has_schema_privilege('tenancy_user', n.oid, 'usage')) x;
      no_row_security := array(select format('alter table %s disable row level security', tenancy.isolation_quoted(c)) from tenancy.with_children(protected.relation) c)
        || array(select o from unnest(open_policies) o where o like 'grant %');

      -- 4. As it is, and once more without the policies: what notices nothing then, shows nothing now.
      result := tenancy.isolation_under(open_policies, probes, false);
      blind := result.wrong;
      foreach probe in array probes loop
        trial := tenancy.isolation_outcome(probe);
        lines := lines || tenancy.isolation_told(trial.outcome in ('held', 'elsewhere'),
          format('%s: %s', probe.relation, probe.title), array[format('%s: %s', trial.outcome, trial.note), probe.statement],
          case when probe.kind = 'view' and trial.outcome = 'held' and format('%s: %s', probe.relation, probe.title) = any (blind)
               then 'a row more or less changes nothing in it'
               when trial.outcome = 'elsewhere' then 'the application refuses it itself' end);
      end loop;
      blind := array(select b from unnest(blind) b where not exists (select from unnest(probes) p where p.kind = 'view' and b = format('%s: %s', p.relation, p.title)));
      lines := lines || tenancy.isolation_told(blind = '{}' and result.failure is null, tenancy.isolation_verdict(name, 'its policies', blind, result.failure), array[result.failure] || blind);

      special := array(select p from unnest(probes) p where p.kind <> 'view');
      result := tenancy.isolation_under(no_row_security, special, false);
      lines := lines || tenancy.isolation_told(result.wrong = '{}' and result.failure is null, tenancy.isolation_verdict(name, 'its row security', result.wrong, result.failure), array[result.failure] || result.wrong);

      if protected.kind = 'tenant' then
        special := array(select p from unnest(probes) p where p.kind in ('tenant', 'prepared', 'parallel') and p.tenant is not null);
        result := tenancy.isolation_under(array(select format('create policy tenancy_isolation_careless on %s using (true) with check (true)', tenancy.isolation_quoted(c))
                                                  from tenancy.with_children(protected.relation) c), special, true);
        lines := lines || tenancy.isolation_told(result.wrong = '{}' and result.failure is null, format('%s: a careless policy beside the others opens nothing', name), array[result.failure] || result.wrong);

        special := array(select p from unnest(probes) p where p.kind = 'owner');
        if special = '{}' then
          lines := lines || tenancy.isolation_told(true, format('%s: the owner of the table is held by the policies too', name), null, 'its owner is a superuser or has BYPASSRLS');
        else
          result := tenancy.isolation_under(array[format('alter table %s no force row level security', target)], special, false);
          lines := lines || tenancy.isolation_told(result.wrong = '{}' and result.failure is null, tenancy.isolation_verdict(name, 'FORCE', result.wrong, result.failure), array[result.failure] || result.wrong);
        end if;
      end if;

      -- 5. Statements that know no rows.
      probe := probes[1];
      probe.kind := 'command';
      probe.title := 'is not truncated';
      probe.statement := 'truncate ' || target;
      lines := lines || tenancy.isolation_pair(name, probe, array[format('grant truncate on %s to tenancy_user', target), 'set local tenancy.seal = off'],
                                               'the missing right to TRUNCATE and the seal');
      probe.title := 'is not copied to a file';
      -- The file cannot be written, and so is not, even where tenants may.
      probe.statement := format('copy (select * from %s) to ''/nonexistent/tenancy_isolation''', target);
      lines := lines || tenancy.isolation_pair(name, probe, array['grant pg_write_server_files to tenancy_user', 'alter role tenancy_user inherit', 'set local tenancy.seal = off'],
                                               'the missing right to files and the seal');
      probe.title := 'is not copied to a program';
      probe.statement := format('copy (select * from %s) to program ''false''', target);
      lines := lines || tenancy.isolation_pair(name, probe, null, null);
      probe.title := 'is not filled from a file';
      probe.statement := format('copy %s from ''/nonexistent/tenancy_isolation''', target);
      lines := lines || tenancy.isolation_pair(name, probe, array['grant pg_read_server_files to tenancy_user', 'alter role tenancy_user inherit', 'set local tenancy.seal = off',
                                                                  format('grant insert on %s to tenancy_user', target)], 'the missing right to files and the seal');

      -- 6. References.
      if protected.kind = 'tenant' then
        for reference in select * from tenancy.isolation_references(protected, own, tenant, other_tenant, user_id, other_user) loop
          if reference.complaint is not null then
            lines := lines || tenancy.isolation_told(false, format('%s: there is a row of another tenant in %s to point at', name, reference.parent), array[reference.complaint]);
          end if;
          continue when reference.probes = '{}';
          -- An update that a trigger forbids says nothing; the insert then speaks for both.
          trial := tenancy.isolation_outcome(reference.probes[1]);
          result := tenancy.isolation_outcome(reference.probes[2]);
          lines := lines || tenancy.isolation_told(trial.outcome <> 'leaked' and result.outcome <> 'leaked' and (trial.outcome in ('held', 'elsewhere') or result.outcome in ('held', 'elsewhere')),
                                format('%s: a row is not pointed at another tenant''s row in %s', name, reference.parent),
                                array[format('update: %s, %s; insert: %s, %s', trial.outcome, trial.note, result.outcome, result.note),
                                      'tenancy.protect(table, keys => true) makes the keys that hold']);
          continue when not protected.writable;
          result := tenancy.isolation_under(array(select format('alter table %s drop constraint %I', target, k.conname) from pg_constraint k
                                                   where k.conrelid = protected.relation and k.confrelid = reference.parent and k.contype = 'f' and k.conparentid = 0), reference.probes, false);
          lines := lines || tenancy.isolation_told(cardinality(result.wrong) < 2 and result.failure is null, tenancy.isolation_verdict(name, format('its foreign key to %s', reference.parent),
                                case when cardinality(result.wrong) < 2 then '{}' else result.wrong end, result.failure), array[result.failure] || result.wrong);
        end loop;
      end if;
    end if;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      null;
    when others then
      lines := lines || tenancy.isolation_told(false, format('%s: was tried', name), array[format('%s (%s)', sqlerrm, sqlstate)]);
  end;
  return query select (l).* from unnest(lines) l;
end
$function$;
comment on function tenancy.isolation_table(tenancy.protection, text, text, text, text) is 'internal: the lines of one table';

-- A value for a tenant or owner column that nothing refers to.
create function tenancy.isolation_invented(relation regclass, attribute int2, number int) returns text
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select case t.typcategory when 'N' then (2000000000 + number)::text
                            when 'S' then 'isolation-' || number
                            else gen_random_uuid()::text end
    from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = relation and a.attnum = attribute
$function$;
comment on function tenancy.isolation_invented(regclass, int2, int) is 'internal: a value for a tenant or owner column that nothing refers to';

create function tenancy.isolation_verdict(name text, measure text, blind text[], failure text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select case when failure is not null then format('%s: %s can be taken away for a test', name, measure)
              when blind = '{}' then format('%s: without %s the suite notices', name, measure)
              else format('%s: the suite would not notice that %s is gone', name, measure) end
$function$;
comment on function tenancy.isolation_verdict(text, text, text[], text) is 'internal: the title of a line about a counter-measure that was taken away';

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
  if changes[1] like 'grant pg\_%' and not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    return lines || tenancy.isolation_told(true, format('%s: without %s the suite notices', name, measure), null, 'only a superuser can try');
  end if;
  result := tenancy.isolation_under(changes, array[probe], false);
  return lines || tenancy.isolation_told(result.wrong = '{}' and result.failure is null, tenancy.isolation_verdict(name, measure, result.wrong, result.failure), array[result.failure] || result.wrong);
end
$function$;
comment on function tenancy.isolation_pair(text, tenancy.isolation_probe, text[], text) is 'internal: a probe with and without its counter-measure';

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

create function tenancy.isolation_tests(schema_name regnamespace default null, tenant_a text default null, tenant_b text default null)
  returns setof text
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
  set row_security = on
as $function$
declare
  tables tenancy.protection[];
  protected tenancy.protection;
  pairs jsonb := '{}';
  pair text[];
  category "char";
  line tenancy.isolation_line;
  number int := 0;
  failed int := 0;
  half regclass;
begin
  if (tenant_a is null) <> (tenant_b is null) or tenant_a = tenant_b then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'isolation is tried between two tenants',
      hint = 'Give two different tenants, or none: then two are found or made.';
  end if;
  perform tenancy.try_as_tenant(null, null, 'select 1'); -- refuses who may not, and an attached transaction

  tables := array(select p from tenancy.protection p join pg_class c on c.oid = p.relation
                   where not p.is_child and (schema_name is null or c.relnamespace = schema_name)
                   order by c.relnamespace::regnamespace::text, c.relname);
  for category in select distinct t.typcategory from unnest(tables) p join pg_type t on t.oid = p.tenant_type loop
    begin
      pair := coalesce(array[tenant_a, tenant_b], '{}');
      if tenant_a is null then
        pair := tenancy.isolation_tenants(tables, category);
        -- A table of tenants may want them to be there: it is asked to make them like any other parent.
        pair := pair || (select array_agg(tenancy.isolation_invented(p.relation, p.tenant_attnum, n) order by n)
                           from (select p.* from unnest(tables) p join pg_type t on t.oid = p.tenant_type where t.typcategory = category limit 1) p, generate_series(1, 2) n);
      end if;
      pairs := pairs || jsonb_build_object(category, pair);
    end;
  end loop;

  for half in
    select c.oid::regclass from pg_policy l join pg_class c on c.oid = l.polrelid
     where l.polname in ('tenancy_wall', 'tenancy_bypass', 'tenancy_bypass_wall', 'tenancy_shared')
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenancy_tenant')
       and (schema_name is null or c.relnamespace = schema_name)
     group by c.oid order by 1
  loop
    number := number + 1;
    failed := failed + 1;
    return next format('not ok %s - %s: its protection is whole', number, half);
    return next format('# The policy tenancy_tenant is gone. Run: select * from tenancy.protect(%L, …);', half::text);
  end loop;

  foreach protected in array tables loop
    category := (select t.typcategory from pg_type t where t.oid = protected.tenant_type);
    -- A table without a tenant column is tried by whichever tenant there is.
    pair := array(select jsonb_array_elements_text(coalesce(pairs -> category::text, (select e.value from jsonb_each(pairs) e limit 1), '["1", "2"]')));
    for line in select l.* from tenancy.isolation_table(protected, pair[1], pair[2], tenancy.isolation_user(pair[1], 1), tenancy.isolation_user(pair[2], 2)) l loop
      number := number + 1;
      -- A name may hold what would be a directive of TAP.
      return next format('%s %s - %s%s', case when line.ok then 'ok' else 'not ok' end, number,
                         replace(replace(regexp_replace(line.title, '[\n\r]', ' ', 'g'), '\', '\\'), '#', '\#'), ' # SKIP ' || line.skipped);
      if line.ok is not true then
        failed := failed + 1;
        return query select '# ' || l from unnest(line.notes) n cross join regexp_split_to_table(n, '[\n\r]+') l where n is not null;
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
