-- The isolation suite, part five: what a table is tried with.

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

-- What the probes start from: a row of the tenant, one of another tenant, and, where rows have owners, one of another
-- user of the same tenant. The user is the owner of the tenant's row.
create function tenancy.isolation_rows_of(protected tenancy.protection, tenant text, other_tenant text, user_id text, other_user text,
                                          out own jsonb, out victim jsonb, out colleague jsonb, out acting_user text, out complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  owned jsonb := '{}';
  owner_key record;
  parent_row jsonb;
begin
  acting_user := user_id;
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
    select m.made, m.complaint into own, complaint from tenancy.isolation_make(protected.relation, tenant, user_id, owned, 0) m;
  end if;
  if complaint is not null then
    return;
  end if;
  victim := case protected.kind when 'tenant' then tenancy.isolation_find(protected.relation, other_tenant, '{}') else own end;
  if victim is null then
    select m.made, m.complaint into victim, complaint from tenancy.isolation_make(protected.relation, other_tenant, other_user, owned, 0) m;
  end if;
  if complaint is not null or protected.owner_column is null then
    return;
  end if;

  acting_user := own #>> array['row', protected.owner_column::text];
  if owner_key.parent is not null then
    select m.made, m.complaint into parent_row, complaint from tenancy.isolation_make(owner_key.parent, tenant, user_id, '{}', 1) m;
  end if;
  if complaint is null then
    select m.made, m.complaint into colleague, complaint from tenancy.isolation_make(protected.relation, tenant, user_id, jsonb_build_object(
      protected.owner_column, coalesce(parent_row #>> array['row', owner_key.referenced],
                                       tenancy.isolation_invented(protected.relation, protected.owner_attnum, 3))), 0) m;
  end if;
end
$function$;
comment on function tenancy.isolation_rows_of(tenancy.protection, text, text, text, text) is 'internal: the rows that the probes of a table start from';

-- The tenant can work: a suite in which nothing works shows nothing.
create function tenancy.isolation_controls(protected tenancy.protection, own jsonb, tenant text, user_id text) returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  target constant text := tenancy.isolation_quoted(protected.relation);
  counting constant text := format('select count(*) from (select from %s t limit 100000) t', target);
  alone record;
  trial record;
begin
  trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select 1 from %s t where t.tableoid = %s and t.ctid = %L',
             target, own ->> 'table', own ->> 'ctid'), null, false);
  return next tenancy.isolation_told(trial.code = '00000' and trial.rows = 1,
    format('%s: %s', name, case protected.kind when 'reference' then 'a tenant reads' else 'a tenant reads its own row' end),
    array[format('%s rows, %s %s', trial.rows, trial.code, trial.message)]);
  if protected.kind <> 'tenant' then
    return;
  end if;
  if protected.writable then
    trial := tenancy.isolation_try(protected.relation, tenant, user_id, tenancy.isolation_insert_sql(protected.relation,
               tenancy.isolation_copy(protected.relation, own -> 'row')), null, false);
    -- A key that is taken speaks after the policies have let the row through.
    return next tenancy.isolation_told(trial.code = '00000' and trial.rows = 1 or trial.code in ('23505', '23P01'),
      format('%s: a tenant inserts a row of its own', name), array[format('%s rows, %s %s', trial.rows, trial.code, trial.message)]);
  end if;
  alone := tenancy.isolation_try(protected.relation, tenant, user_id, counting, null, false);
  begin
    perform tenancy.isolation_force_parallel();
    trial := tenancy.isolation_try(protected.relation, tenant, user_id, counting, null, false);
    raise exception using errcode = 'ISO00';
  exception when sqlstate 'ISO00' then
    null;
  end;
  return next tenancy.isolation_told(trial.value = alone.value and trial.value <> '0', format('%s: a parallel plan finds as many of its own rows', name),
    array[format('%s rows alone, %s in parallel; %s %s', alone.value, trial.value, trial.code, trial.message)]);
end
$function$;
comment on function tenancy.isolation_controls(tenancy.protection, jsonb, text, text) is 'internal: lines that show that a tenant can work with its own rows';

-- All probes about the rows of a table itself and the views over it.
create function tenancy.isolation_table_probes(protected tenancy.protection, own jsonb, victim jsonb, colleague jsonb, tenant text, user_id text)
  returns setof tenancy.isolation_probe
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  probe tenancy.isolation_probe;
  other tenancy.isolation_probe;
begin
  if protected.kind = 'reference' then
    return query select p.* from tenancy.isolation_probes(protected, 'the reference', null, victim, tenant, user_id, true, true) p;
    return;
  end if;
  for probe in select p.* from tenancy.isolation_probes(protected, 'another tenant', own, victim, tenant, user_id, false, true) p loop
    other := coalesce(other, probe);
    return next probe;
  end loop;
  if not protected.writable then
    return query select p.* from tenancy.isolation_probes(protected, 'its own tenant', null, own, tenant, user_id, true, true) p;
  end if;
  if colleague is not null then
    return query select p.* from tenancy.isolation_probes(protected, 'another user', own, colleague, tenant, user_id, false, true) p;
  end if;

  probe := other; -- reads the other tenant's row
  if not exists (select from pg_roles r where r.oid = protected.relowner and (r.rolsuper or r.rolbypassrls)) then
    probe.kind := 'owner';
    probe.title := 'the owner of the table is held by the policies too';
    return next probe;
  end if;
  probe.kind := 'view';
  for probe.view in select v from tenancy.isolation_views(protected.relation) v loop
    probe.title := format('the view %s tells nothing of another tenant', probe.view);
    probe.statement := format('select pg_catalog.count(*) || '' '' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(v::pg_catalog.text, 0)), 0) from %s v',
                              tenancy.isolation_quoted(probe.view));
    return next probe;
  end loop;
  probe := other;
  probe.user_id := null;
  probe.tenant := null;
  probe.title := 'without a context no row is read';
  return next probe;
end
$function$;
comment on function tenancy.isolation_table_probes(tenancy.protection, jsonb, jsonb, jsonb, text, text) is 'internal: the probes of a table and its views';

-- Rows with NULL tenant: all read them, nobody writes them.
create function tenancy.isolation_shared(protected tenancy.protection, own jsonb, tenant text, user_id text,
                                         out line tenancy.isolation_line, out probes tenancy.isolation_probe[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  of_all jsonb := tenancy.isolation_find(protected.relation, null, '{}');
  complaint text;
  trial record;
begin
  if of_all is null then
    select m.made, m.complaint into of_all, complaint from tenancy.isolation_make(protected.relation, null, user_id, '{}', 0) m;
  end if;
  if complaint is null then
    trial := tenancy.isolation_try(protected.relation, tenant, user_id, format('select 1 from %s t where t.tableoid = %s and t.ctid = %L',
               tenancy.isolation_quoted(protected.relation), of_all ->> 'table', of_all ->> 'ctid'), null, false);
    complaint := case when trial.code <> '00000' or trial.rows <> 1 then format('%s rows, %s %s', trial.rows, trial.code, trial.message) end;
    probes := array(select p from tenancy.isolation_probes(protected, 'all tenants', own, of_all, tenant, user_id, true, true) p);
  end if;
  line := tenancy.isolation_told(complaint is null, format('%s: a row of all tenants is read', protected.relation), array[complaint]);
end
$function$;
comment on function tenancy.isolation_shared(tenancy.protection, jsonb, text, text) is 'internal: the line and the probes of rows that all tenants share';

-- Partitions and children, by their own names. One without policies is attacked like the others.
create function tenancy.isolation_children(protected tenancy.protection, victim jsonb, tenant text, other_tenant text, user_id text, other_user text,
                                           out lines tenancy.isolation_line[], out probes tenancy.isolation_probe[])
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  at_tenant constant jsonb := case protected.kind when 'tenant' then jsonb_build_object(protected.tenant_column, other_tenant) else '{}' end;
  child tenancy.protection;
  attacked jsonb;
  complaint text;
begin
  lines := '{}';
  probes := '{}';
  for child in
    select c.oid::regclass, c.relowner, c.relkind, protected.kind, protected.tenant_column, a.attnum, protected.tenant_type, protected.owner_column,
           o.attnum, protected.writable, protected.shared, protected.registry, true
      from tenancy.with_children(protected.relation) w join pg_class c on c.oid = w and c.relkind in ('r', 'p')
      left join pg_attribute a on a.attrelid = c.oid and a.attname = protected.tenant_column
      left join pg_attribute o on o.attrelid = c.oid and o.attname = protected.owner_column
     where c.oid <> protected.relation
     order by c.relname
  loop
    complaint := null;
    attacked := case when (victim ->> 'table')::oid = child.relation then victim
                     else tenancy.isolation_find(child.relation, other_tenant, at_tenant) end;
    if attacked is null then
      select m.made, m.complaint into attacked, complaint from tenancy.isolation_make(child.relation, other_tenant, other_user, at_tenant, 1) m;
    end if;
    if attacked is not null then
      probes := probes || array(select p from tenancy.isolation_probes(child, case protected.kind when 'tenant' then 'another tenant' else 'the reference' end,
                                         null, attacked, tenant, user_id, protected.kind <> 'tenant', false) p);
    else
      -- No row of that tenant fits into it: then nobody may have a right to it.
      lines := lines || tenancy.isolation_told(
        not has_any_column_privilege('tenancy_user', child.relation, 'select, insert, update, references')
          and not has_table_privilege('tenancy_user', child.relation, 'delete, truncate'),
        format('%s: takes no row of another tenant, and tenants have no right to it by its own name', child.relation), array[complaint]);
    end if;
  end loop;
end
$function$;
comment on function tenancy.isolation_children(tenancy.protection, jsonb, text, text, text, text) is 'internal: the probes of partitions and inheritance children, by their own names';
