-- The isolation suite, part two, continued: from values to rows.

create function tenancy.isolation_required(relation regclass, attribute int2) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select a.attnotnull or exists (
    with recursive chain (of_type, not_null) as (
      select t.typbasetype, t.typnotnull from pg_type t where t.oid = a.atttypid
      union all
      select t.typbasetype, t.typnotnull from chain join pg_type t on t.oid = chain.of_type and chain.of_type <> 0
    )
    select from chain where not_null)
    from pg_attribute a where a.attrelid = relation and a.attnum = attribute
$function$;
comment on function tenancy.isolation_required(regclass, int2) is 'internal: whether a column takes no NULL, by itself or by its domain';

-- A row of the tenant that is there already and has these values; NULL when there is none.
create function tenancy.isolation_find(relation regclass, tenant text, fixed jsonb) returns jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  select (tenancy.try_as_owner(relation, null, null, format(
           'select pg_catalog.jsonb_build_object(''row'', pg_catalog.to_jsonb(t.*), ''table'', t.tableoid::bigint, ''ctid'', t.ctid)::text from %s t where true%s limit 1',
           tenancy.isolation_quoted(relation),
           (select string_agg(case jsonb_typeof(c.value) when 'null' then format(' and t.%I is null', c.key)
                                   else format(' and t.%I = %L', c.key, c.value #>> '{}') end, '')
              from jsonb_each(coalesce((select jsonb_build_object(p.tenant_column, tenant) from tenancy.protection p
                                         where p.relation = isolation_find.relation and p.kind = 'tenant'), '{}') || fixed) c)),
         true)).value::jsonb
$function$;
comment on function tenancy.isolation_find(regclass, text, jsonb) is 'internal: a row of a tenant that is there already';

-- A new row with these values, made as the owner of the table. Values come, in this order, from the caller, from
-- tenancy.isolation_rows(), from rows of the parents, and from what the catalog says about the column. What a
-- constraint refuses is changed, as in an odometer, until the row is accepted or the values run out.
create function tenancy.isolation_make(relation regclass, tenant text, user_id text, fixed jsonb, depth int,
                                       out made jsonb, out complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  name constant text := relation::text;
  registered constant jsonb := coalesce((select v.rows from tenancy.isolation_value v where v.relation = isolation_make.relation), '[]');
  turn int := 0;
  given jsonb;
  parents jsonb;
  fresh_parents boolean := false;
  serial int := 1 + (random() * 9000)::int;
  wanted int2[];
  candidates jsonb := '{}';
  positions jsonb := '{}';
  choice jsonb;
  violated int2[];
  movable int2[];
  attribute record;
  code text;
  message text;
  at_constraint text;
  at_schema text;
  at_table text;
  at_column text;
  at_type text;
begin
  if depth > 8 then
    complaint := format('%s: its parents go round in a circle', name);
    return;
  end if;
  fixed := coalesce((select jsonb_build_object(p.tenant_column, tenant) from tenancy.protection p
                      where p.relation = isolation_make.relation and p.kind = 'tenant'), '{}') || fixed;
  -- Sequences are not rolled back: their columns get values of their own.
  select array_agg(a.attnum) into wanted
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     and (tenancy.isolation_required(a.attrelid, a.attnum) and d.oid is null or a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\('
          -- Outside of a context its default is an error.
          or pg_get_expr(d.adbin, d.adrelid) ~ '^tenancy\.');

  for attempt in 1..300 loop
    if parents is null then
      given := case when jsonb_array_length(registered) > 0 then registered -> turn else '{}' end || fixed;
      select f.columns, f.complaint into parents, complaint
        from tenancy.isolation_parents(relation, tenant, user_id, given, fresh_parents, depth) f;
      if complaint is not null then
        return;
      end if;
      given := parents || given;
    end if;

    choice := '{}';
    for attribute in
      select a.attnum, a.attname, a.atttypid, a.atttypmod, t.typtype, t.typcategory
        from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = relation and a.attnum = any (wanted) and not given ? a.attname
    loop
      if not candidates ? attribute.attname then
        candidates := candidates || jsonb_build_object(attribute.attname, (
          select coalesce(jsonb_agg(c.v order by c.o), '[]')
            from unnest(tenancy.isolation_candidates(relation, attribute.attnum, serial)) with ordinality as c (v, o)
           where attribute.typtype = 'b' and attribute.typcategory in ('S', 'B') or attribute.typtype = 'e'
              or (tenancy.isolation_try(relation, null, null, format('select %L::%s', c.v, format_type(attribute.atttypid, attribute.atttypmod)),
                                        null, true)).code = '00000'));
      end if;
      if jsonb_array_length(candidates -> attribute.attname) = 0 then
        complaint := format('%s: no value is known for column %I of type %s; %s', name, attribute.attname,
                            format_type(attribute.atttypid, attribute.atttypmod), tenancy.isolation_advice(relation, array[attribute.attnum]));
        return;
      end if;
      choice := choice || jsonb_build_object(attribute.attname,
                candidates -> attribute.attname -> (coalesce((positions ->> attribute.attname)::int, 0) % jsonb_array_length(candidates -> attribute.attname)));
    end loop;

    begin
      select t.value::jsonb into made
        from tenancy.try_as_owner(relation, tenant, user_id,
               tenancy.isolation_insert_sql(relation, choice || given, 'overriding system value') ||
               ' returning pg_catalog.jsonb_build_object(''row'', pg_catalog.to_jsonb(t.*), ''table'', t.tableoid::bigint, ''ctid'', t.ctid)::text', true) t;
      if made is null then
        complaint := format('%s: a trigger or rule took the row away', name);
      end if;
      return;
    exception when others then
      get stacked diagnostics code = returned_sqlstate, message = message_text, at_constraint = constraint_name, at_schema = schema_name,
                              at_table = table_name, at_column = column_name, at_type = pg_datatype_name;
    end;

    -- Which columns does the refusal speak of? At a partition they are known by their names.
    select array_agg(distinct own.attnum) into violated
      from pg_attribute own
     where own.attrelid = relation and own.attnum > 0 and not own.attisdropped
       and case
         when code = '23502' then own.attname = at_column
         when at_constraint <> '' and at_table <> '' then own.attname in (
           select a.attname from pg_constraint k join pg_class c on c.oid = k.conrelid and c.relname = at_table
             join pg_namespace n on n.oid = c.relnamespace and n.nspname = at_schema
             join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
            where k.conname = at_constraint
           union
           select a.attname from pg_class ic join pg_namespace n on n.oid = ic.relnamespace and n.nspname = at_schema
             join pg_index i on i.indexrelid = ic.oid
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
            where ic.relname = at_constraint)
         when at_type <> '' then own.atttypid in (select t.oid from pg_type t where t.typname = at_type)
         when code = '23514' then own.attname in (
           select a.attname from pg_partitioned_table pt join pg_attribute a on a.attrelid = pt.partrelid and a.attnum = any (pt.partattrs::int2[])
            where pt.partrelid = relation or pt.partrelid in (select i.inhparent from pg_inherits i where i.inhrelid = relation)
               or pt.partrelid in (select p.relid from pg_partition_ancestors(relation) p))
         else code ~ '^22' and own.attnum = any (wanted)
       end;
    select array_agg(a.attnum order by a.attnum) into movable
      from pg_attribute a where a.attrelid = relation and a.attnum = any (violated) and not given ? a.attname;

    if code in ('23505', '23P01') then
      serial := serial + 1;
      if turn + 1 < jsonb_array_length(registered) then
        turn := turn + 1;
        parents := null;
      elsif movable is null and not fresh_parents and exists (
          select from pg_attribute a where a.attrelid = relation and a.attnum = any (violated) and parents ? a.attname and not fixed ? a.attname) then
        fresh_parents := true;
        parents := null;
      elsif movable is null then
        exit;
      end if;
      candidates := candidates - (select coalesce(array_agg(a.attname::text), '{}') from pg_attribute a
                                   where a.attrelid = relation and a.attnum = any (movable));
      continue when attempt % 8 <> 0; -- fresh values first; now and then another kind of value
    elsif movable is null then
      exit;
    end if;
    for attribute in select a.attnum, a.attname from pg_attribute a where a.attrelid = relation and a.attnum = any (movable) order by a.attnum loop
      if not attribute.attnum = any (wanted) then
        wanted := wanted || attribute.attnum;
        exit;
      end if;
      positions := jsonb_set(positions, array[attribute.attname::text], to_jsonb(coalesce((positions ->> attribute.attname)::int, 0) + 1));
      exit when (positions ->> attribute.attname)::int % greatest(coalesce(jsonb_array_length(candidates -> attribute.attname), 1), 1) <> 0;
      -- Once round: the next time with other fresh values.
      serial := serial + 1;
      candidates := candidates - attribute.attname::text;
    end loop;
  end loop;
  complaint := format('%s: no row could be made: %s (%s)%s; %s', name, message, code,
                      coalesce((select ', ' || pg_get_constraintdef(k.oid) from pg_constraint k
                                 where k.conname = at_constraint and k.conrelid = relation), ''),
                      tenancy.isolation_advice(relation, violated));
end
$function$;
comment on function tenancy.isolation_make(regclass, text, text, jsonb, int) is 'internal: makes a row that the constraints of a table accept, or says which columns want a value';

create function tenancy.isolation_advice(relation regclass, attributes int2[]) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('write values for two rows: select tenancy.isolation_rows(%L, %L, %L);', relation::text, sample.one, sample.one)
    from (select coalesce('{' || string_agg(format('%s: "…"', to_jsonb(a.attname::text)), ', ' order by a.attnum) || '}', '{"column": "…"}') as one
            from pg_attribute a where a.attrelid = relation and a.attnum = any (attributes)) sample
$function$;
comment on function tenancy.isolation_advice(regclass, int2[]) is 'internal: the call of tenancy.isolation_rows() that helps';

-- The values of the foreign key columns: from rows of the parents in the same tenant, found or made.
create function tenancy.isolation_parents(relation regclass, tenant text, user_id text, given jsonb, fresh boolean, depth int,
                                          out columns jsonb, out complaint text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  foreign_key record;
  known jsonb;
  parent jsonb;
begin
  columns := '{}';
  for foreign_key in
    select k.confrelid::regclass as parent,
           (select array_agg(a.attname::text order by u.o) from unnest(k.conkey) with ordinality as u (attnum, o)
              join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum) as own,
           (select array_agg(a.attname::text order by u.o) from unnest(k.confkey) with ordinality as u (attnum, o)
              join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum) as referenced,
           (select bool_and(tenancy.isolation_required(a.attrelid, a.attnum) or given ? a.attname) from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey)) as needed
      from pg_constraint k
     where k.conrelid = relation and k.contype = 'f' and k.confrelid <> relation
       and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid = k.conrelid)
     order by cardinality(k.conkey), k.oid
  loop
    continue when not foreign_key.needed;
    select coalesce(jsonb_object_agg(r, (columns || given) -> o), '{}') into known
      from unnest(foreign_key.own, foreign_key.referenced) as u (o, r) where (columns || given) ? o;
    continue when exists (select from jsonb_each(known) e where jsonb_typeof(e.value) = 'null');
    parent := null;
    if not fresh or (columns || given) ?& foreign_key.own then
      parent := tenancy.isolation_find(foreign_key.parent, tenant, known);
    end if;
    if parent is null then
      select m.made, m.complaint into parent, complaint
        from tenancy.isolation_make(foreign_key.parent, tenant, user_id, known, depth + 1) m;
      if complaint is not null then
        return;
      end if;
    end if;
    select columns || coalesce(jsonb_object_agg(o, parent -> 'row' -> r), '{}') into columns
      from unnest(foreign_key.own, foreign_key.referenced) as u (o, r);
  end loop;
end
$function$;
comment on function tenancy.isolation_parents(regclass, text, text, jsonb, boolean, int) is 'internal: values of foreign key columns, from parents in the same tenant';
