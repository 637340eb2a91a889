-- The isolation suite, part six: foreign keys, and all lines of one table.

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

create function tenancy.isolation_reference_lines(protected tenancy.protection, own jsonb, tenant text, other_tenant text, user_id text, other_user text)
  returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  reference record;
  updated record;
  inserted record;
  result record;
begin
  for reference in select r.* from tenancy.isolation_references(protected, own, tenant, other_tenant, user_id, other_user) r loop
    if reference.complaint is not null then
      return next tenancy.isolation_told(false, format('%s: there is a row of another tenant in %s to point at', name, reference.parent), array[reference.complaint]);
    end if;
    continue when reference.probes = '{}';
    -- An update that a trigger forbids says nothing; the insert then speaks for both.
    updated := tenancy.isolation_outcome(reference.probes[1]);
    inserted := tenancy.isolation_outcome(reference.probes[2]);
    return next tenancy.isolation_told(
      'leaked' not in (updated.outcome, inserted.outcome) and (updated.outcome in ('held', 'elsewhere') or inserted.outcome in ('held', 'elsewhere')),
      format('%s: a row is not pointed at another tenant''s row in %s', name, reference.parent),
      array[format('update: %s, %s; insert: %s, %s', updated.outcome, updated.note, inserted.outcome, inserted.note),
            'tenancy.protect(table, keys => true) makes the keys that hold']);
    continue when not protected.writable;
    result := tenancy.isolation_under(array(
      select format('alter table %s drop constraint %I', tenancy.isolation_quoted(protected.relation), k.conname) from pg_constraint k
       where k.conrelid = protected.relation and k.confrelid = reference.parent and k.contype = 'f' and k.conparentid = 0), reference.probes, false);
    return next tenancy.isolation_verdict(name, format('its foreign key to %s', reference.parent),
                                          case when cardinality(result.wrong) < cardinality(reference.probes) then '{}' else result.wrong end, result.failure);
  end loop;
end
$function$;
comment on function tenancy.isolation_reference_lines(tenancy.protection, jsonb, text, text, text, text) is 'internal: lines about the foreign keys of a table';

-- Everything is rolled back before the lines are told.
create function tenancy.isolation_table(protected tenancy.protection, tenant text, other_tenant text, user_id text, other_user text)
  returns setof tenancy.isolation_line
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := protected.relation::text;
  lines tenancy.isolation_line[] := '{}';
  probes tenancy.isolation_probe[];
  start record;
  children record;
  shared record;
  identity text;
begin
  begin
    -- Deferred triggers would fire after all this is gone; a restricted operation refuses them.
    set constraints all immediate;
    perform set_config('tenancy.guard', 'off', true) from pg_settings s where s.name = 'tenancy.guard';

    -- Tenants may not choose the keys of an identity, and a generated one would move its sequence, which is not rolled back.
    -- The policies have to hold for chosen keys as well.
    for identity in
      select format('alter table %s alter column %I set generated by default', tenancy.isolation_quoted(c), a.attname)
        from tenancy.with_children(protected.relation) c join pg_attribute a on a.attrelid = c and a.attidentity = 'a' and not a.attisdropped
       where not exists (select from pg_class r where r.oid = c and r.relispartition)
    loop
      execute identity;
    end loop;

    start := tenancy.isolation_rows_of(protected, tenant, other_tenant, user_id, other_user);
    lines := lines || tenancy.isolation_told(start.complaint is null, format('%s: there are rows to try it with', name), array[start.complaint]);
    if start.own is not null and start.victim is not null then
      user_id := start.acting_user;
      children := tenancy.isolation_children(protected, start.victim, tenant, other_tenant, user_id, other_user);
      lines := lines || children.lines;
      probes := array(select p from tenancy.isolation_table_probes(protected, start.own, start.victim, start.colleague, tenant, user_id) p) || children.probes;
      if protected.shared then
        shared := tenancy.isolation_shared(protected, start.own, tenant, user_id);
        lines := lines || shared.line;
        probes := probes || shared.probes;
      end if;
      -- What ran as the owner has left plans that know of no FORCE.
      discard plans;

      lines := lines || array(select l from tenancy.isolation_controls(protected, start.own, tenant, user_id) l)
                     || array(select l from tenancy.isolation_measures(protected, probes) l)
                     || array(select l from tenancy.isolation_commands(protected, tenant, user_id) l);
      if protected.kind = 'tenant' then
        lines := lines || array(select l from tenancy.isolation_reference_lines(protected, start.own, tenant, other_tenant, user_id, other_user) l);
      end if;
    end if;
    raise exception using errcode = 'ISO00';
  exception
    when sqlstate 'ISO00' then
      null;
    when others then
      lines := lines || tenancy.isolation_told(false, format('%s: was tried', name), array[format('%s (%s)', sqlerrm, sqlstate)]);
  end;
  discard plans;
  return query select (l).* from unnest(lines) l;
end
$function$;
comment on function tenancy.isolation_table(tenancy.protection, text, text, text, text) is 'internal: the lines of one table';
