-- The isolation suite, part three: the probes, the counter-measures that are taken away, and the lines of TAP.
-- Everything that runs here itself is DDL and catalog queries; what runs code of others goes through the trials.

-- harmless is the same statement on no row: where it is refused as well, a trigger of the statement speaks, not of a row.
create type tenancy.isolation_probe as (
  title text,
  kind text,
  relation regclass,
  tenant_column name,
  view regclass,
  tenant text,
  user_id text,
  statement text,
  harmless text,
  witness text,
  victim jsonb,
  victim_tenant text,
  victim_user text
);
comment on type tenancy.isolation_probe is 'internal: one attempt of a tenant at what is not its own';
create type tenancy.isolation_line as (ok boolean, title text, notes text[], skipped text);
comment on type tenancy.isolation_line is 'internal: a line of TAP before it has a number';
revoke usage on type tenancy.isolation_probe, tenancy.isolation_line from public;

create function tenancy.isolation_told(ok boolean, title text, notes text[] default null, skipped text default null) returns tenancy.isolation_line
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$ select row(ok, title, notes, skipped)::tenancy.isolation_line $function$;
comment on function tenancy.isolation_told(boolean, text, text[], text) is 'internal: a line of TAP';

-- Views over a relation, at any depth, that tenants may read.
create function tenancy.isolation_views(relation regclass) returns setof regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive above (relation) as (
    select isolation_views.relation::oid
    union
    select r.ev_class
      from above
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = above.relation and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid
      join pg_class c on c.oid = r.ev_class and c.relkind = 'v'
  )
  select a.relation::regclass
    from above a join pg_class c on c.oid = a.relation and c.relkind = 'v'
   where has_any_column_privilege('tenancy_user', a.relation, 'select')
     and has_schema_privilege('tenancy_user', c.relnamespace, 'usage')
$function$;
comment on function tenancy.isolation_views(regclass) is 'internal: views over a relation that tenants may read';

-- A copy of a row with other values in the columns that make it unique by themselves.
create function tenancy.isolation_copy(relation regclass, original jsonb) returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select original || coalesce(jsonb_object_agg(a.attname, (tenancy.isolation_candidates(relation, a.attnum, 1 + (random() * 9000)::int))[1]), '{}')
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join tenancy.protection p on p.relation = isolation_copy.relation
   where a.attrelid = isolation_copy.relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\(' or a.atttypid = 'uuid'::regtype)
     and a.attnum is distinct from p.tenant_attnum and a.attnum is distinct from p.owner_attnum
     and exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and a.attnum = any (i.indkey::int2[]))
     and not exists (select from pg_constraint k where k.conrelid = a.attrelid and k.contype = 'f' and a.attnum = any (k.conkey))
$function$;
comment on function tenancy.isolation_copy(regclass, jsonb) is 'internal: a row with fresh keys';

-- What a tenant tries on one relation to get at a row that is not its own; whole: with the probes that partitions are
-- spared, which have the same policies in the same tree.
create function tenancy.isolation_probes(protected tenancy.protection, whose text, own jsonb, victim jsonb, tenant text, user_id text,
                                         readable boolean, whole boolean)
  returns setof tenancy.isolation_probe
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  target constant text := tenancy.isolation_quoted(protected.relation);
  -- Something to assign in an update: the tenant where that is possible, or whatever column there is.
  column_name constant name := (
    select a.attname from pg_attribute a where a.attrelid = protected.relation and a.attnum > 0 and not a.attisdropped
       and a.attgenerated = '' and a.attidentity <> 'a' order by a.attname = protected.tenant_column desc nulls last, a.attnum limit 1);
  changed constant name := case whose when 'another user' then protected.owner_column else protected.tenant_column end;
  at_victim constant text := format('t.tableoid = %s and t.ctid = %L', victim ->> 'table', victim ->> 'ctid');
  at_own constant text := format('t.tableoid = %s and t.ctid = %L', own ->> 'table', own ->> 'ctid');
  of_victim constant text := case
    when protected.tenant_column is null then 'true'
    when whose = 'all tenants' then format('t.%I is null', protected.tenant_column)
    when whose = 'another user' then format('t.%I = %L and t.%I = %L', protected.tenant_column, tenant, protected.owner_column,
                                            victim #>> array['row', protected.owner_column::text])
    else format('t.%I = %L', protected.tenant_column, victim #>> array['row', protected.tenant_column::text])
  end;
  witness constant text := format('select 1 from %s t where %s', target, at_victim);
  key_columns name[];
  copy jsonb := victim -> 'row';
  probe tenancy.isolation_probe;
begin
  probe.relation := protected.relation;
  probe.tenant_column := protected.tenant_column;
  probe.tenant := tenant;
  probe.user_id := user_id;
  probe.kind := 'tenant';
  probe.victim := victim;
  probe.victim_tenant := victim #>> array['row', protected.tenant_column::text];
  probe.victim_user := coalesce(victim #>> array['row', protected.owner_column::text], user_id);

  if readable is false then
    probe.title := format('a row of %s is not read', whose);
    probe.statement := format('select 1 from %s t where %s limit 1', target, of_victim);
    return next probe;
    if whole then
      if whose = 'another tenant' then
        probe.title := 'nothing but one''s own is seen in a scan';
        probe.statement := format('select 1 from %s t where (t.%I = %L%s) is not true%s limit 1', target, protected.tenant_column, tenant,
          case when protected.owner_column is not null then format(' and t.%I = %L', protected.owner_column, own #>> array['row', protected.owner_column::text]) end,
          case when protected.shared then format(' and t.%I is not null', protected.tenant_column) end);
        return next probe;
      end if;
      probe.kind := 'prepared';
      probe.title := format('a row of %s is not read with a plan that its owner has prepared', whose);
      probe.statement := format('select 1 from %s t where %s limit 1', target, of_victim);
      return next probe;
      probe.kind := 'parallel';
      probe.title := format('a row of %s is not read with a parallel plan', whose);
      return next probe;
    end if;
  end if;

  probe.kind := 'tenant';
  probe.title := format('a row of %s is not inserted', whose);
  probe.statement := tenancy.isolation_insert_sql(protected.relation, victim -> 'row');
  return next probe;
  if column_name is not null then
    probe.title := format('a row of %s is not updated', whose);
    probe.statement := format('update %s t set %I = t.%I where %s', target, column_name, column_name, at_victim);
    probe.harmless := format('update %s t set %I = t.%I where false', target, column_name, column_name);
    return next probe;
    probe.harmless := null;
  end if;
  -- A key that is always generated cannot be moved by anybody.
  if changed is not null and own is not null and not exists (
      select from pg_attribute a where a.attrelid = protected.relation and a.attname = changed and (a.attidentity = 'a' or a.attgenerated <> '')) then
    probe.title := format('a row is not moved to %s', whose);
    probe.statement := format('update %s t set %I = %L where %s', target, changed, victim #>> array['row', changed::text], at_own);
    return next probe;
  end if;
  probe.title := format('a row of %s is not deleted', whose);
  probe.statement := format('delete from %s t where %s', target, at_victim);
  probe.harmless := format('delete from %s t where false', target);
  return next probe;
  probe.harmless := null;
  if not whole or column_name is null then
    return;
  end if;

  probe.witness := witness;
  select array_agg(a.attname order by u.o) into key_columns
    from (select i.indkey from pg_index i
           where i.indrelid = protected.relation and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
           order by i.indisprimary desc, i.indexrelid limit 1) i
   cross join unnest(i.indkey::int2[]) with ordinality as u (attnum, o)
    join pg_attribute a on a.attrelid = protected.relation and a.attnum = u.attnum;
  if key_columns is not null then
    if protected.tenant_column is not null and not protected.tenant_column = any (key_columns) then
      copy := copy || jsonb_build_object(protected.tenant_column, tenant);
    end if;
    if whose = 'another user' and not protected.owner_column = any (key_columns) then
      copy := copy || jsonb_build_object(protected.owner_column, user_id);
    end if;
    probe.title := format('a row of %s is not taken over with ON CONFLICT', whose);
    probe.statement := tenancy.isolation_insert_sql(protected.relation, copy)
      || format(' on conflict (%s) do update set %I = excluded.%I', (select string_agg(quote_ident(k), ', ') from unnest(key_columns) k), column_name, column_name);
    return next probe;
  end if;
  if current_setting('server_version_num')::int >= 150000 then
    probe.title := format('a row of %s is not changed with MERGE', whose);
    probe.statement := format('merge into %s t using (select 1) s on (%s) when matched then update set %I = t.%I', target, at_victim, column_name, column_name);
    probe.harmless := format('merge into %s t using (select 1) s on (false) when matched then update set %I = t.%I', target, column_name, column_name);
    return next probe;
  end if;
end
$function$;
comment on function tenancy.isolation_probes(tenancy.protection, text, jsonb, jsonb, text, text, boolean, boolean) is 'internal: the probes of one relation and one row that is not the tenant''s';

-- What is in a view, as one value; and whether it changes when a row of another tenant goes or comes.
create function tenancy.isolation_view_outcome(probe tenancy.isolation_probe, out outcome text, out note text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  before text;
  after text;
begin
  begin
    select t.value into before from tenancy.try_as_tenant(probe.tenant, probe.user_id, probe.statement) t;
    -- The row goes; or, where children hold it, one more comes; or, where there can be no other, one of a third tenant.
    for way in 1..3 loop
      begin
        if way < 3 then
          perform tenancy.try_as_owner(probe.relation, probe.victim_tenant, probe.victim_user, case way
            when 1 then format('delete from %s t where t.tableoid = %s and t.ctid = %L', tenancy.isolation_quoted(probe.relation),
                               probe.victim ->> 'table', probe.victim ->> 'ctid')
            else tenancy.isolation_insert_sql(probe.relation, tenancy.isolation_copy(probe.relation, probe.victim -> 'row')) end, true);
          exit;
        end if;
        -- The column is named, for without the policies the catalog does not tell it.
        perform tenancy.isolation_make(probe.relation, i.third, probe.victim_user, jsonb_build_object(probe.tenant_column, i.third), 0)
           from (select tenancy.isolation_invented(a.attrelid, a.attnum, 4) as third from pg_attribute a
                  where a.attrelid = probe.relation and a.attname = probe.tenant_column) i;
      exception when others then
        null; -- the next way
      end;
    end loop;
    select t.value into after from tenancy.try_as_tenant(probe.tenant, probe.user_id, probe.statement) t;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      outcome := case when before is null or after is null then 'unclear' when before <> after then 'leaked' else 'held' end;
    when insufficient_privilege then
      outcome := 'held';
    when others then
      outcome := 'unclear';
      note := format('%s (%s)', sqlerrm, sqlstate);
  end;
end
$function$;
comment on function tenancy.isolation_view_outcome(tenancy.isolation_probe) is 'internal: whether a view tells of a row of another tenant';

-- Outcome of a probe as things are now: held, leaked, or unclear.
create function tenancy.isolation_outcome(probe tenancy.isolation_probe, out outcome text, out note text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  trial record;
begin
  if probe.kind = 'view' then
    select v.outcome, v.note into outcome, note from tenancy.isolation_view_outcome(probe) v;
    return;
  elsif probe.kind = 'prepared' then
    -- A prepared statement is not rolled back; the other tenant runs it first, so that its plan is the one that is kept.
    if exists (select from pg_prepared_statements s where s.name = 'tenancy_isolation') then
      deallocate tenancy_isolation;
    end if;
    perform set_config('plan_cache_mode', 'force_generic_plan', true);
    execute 'prepare tenancy_isolation as ' || probe.statement;
    perform tenancy.isolation_try(probe.relation, probe.victim_tenant, probe.victim_user, 'execute tenancy_isolation', null, false);
    trial := tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, 'execute tenancy_isolation', null, false);
    perform set_config('plan_cache_mode', 'auto', true);
    deallocate tenancy_isolation;
  elsif probe.kind = 'parallel' then
    begin
      perform tenancy.isolation_force_parallel();
      trial := tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, probe.statement, null, false);
      raise exception using errcode = 'ISO00';
    exception when sqlstate 'ISO00' then
      null;
    end;
  else
    trial := tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, probe.statement, probe.witness, probe.kind = 'owner');
  end if;

  if trial.code = '00000' then
    -- Taking over may have inserted a row of one's own instead: then the attacked row tells.
    outcome := case when trial.touched or probe.kind = 'command' or probe.witness is null and trial.rows > 0 then 'leaked' else 'held' end;
  elsif trial.elsewhere then
    -- A trigger of the application refused it. As things are that is as well; with a counter-measure gone it says that
    -- the policies have let the statement through to it.
    outcome := 'elsewhere';
    -- Unless it is a trigger of the attacked row: that one should never have been reached.
    if probe.harmless is not null and (tenancy.isolation_try(probe.relation, probe.tenant, probe.user_id, probe.harmless, null, false)).code = '00000' then
      outcome := 'leaked';
    end if;
  elsif trial.code in ('42501', '44000') or probe.kind = 'reference' and trial.code = '23503' then
    outcome := 'held';
  else
    outcome := 'unclear';
  end if;
  note := case when trial.code <> '00000' then format('%s (%s)', trial.message, trial.code)
               else format('%s rows', trial.rows) end;
end
$function$;
comment on function tenancy.isolation_outcome(tenancy.isolation_probe) is 'internal: runs a probe: held, elsewhere, leaked or unclear';

create function tenancy.isolation_force_parallel() returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select set_config(s.name, w.value, true)
    from (values ('parallel_setup_cost', '0'), ('parallel_tuple_cost', '0'), ('min_parallel_table_scan_size', '0'), ('min_parallel_index_scan_size', '0'),
                 ('max_parallel_workers_per_gather', '2'), ('force_parallel_mode', 'on'), ('debug_parallel_query', 'on')) as w (name, value)
    join pg_settings s on s.name = w.name
$function$;
comment on function tenancy.isolation_force_parallel() is 'internal: settings under which each readable plan becomes a parallel one, to the end of the subtransaction';
