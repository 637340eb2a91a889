-- The isolation suite, part two: rows that the constraints of a table accept, made from what the catalog says.

-- Values worth trying for a column, as text: what its checks and its partitions name, then what usual checks ask for.
-- Fresh ones come first where a unique key wants them. Those that the column's type does not take are left out.
create function tenancy.isolation_candidates(relation regclass, attribute int2, serial int) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  base oid;
  wanted pg_attribute;
  category "char";
  definitions text;
  literals text[];
  numbers numeric[];
  fresh text[];
  common text[];
  is_unique boolean;
  longest int;
  result text[];
begin
  select a.* into strict wanted from pg_attribute a where a.attrelid = relation and a.attnum = attribute;
  select exists (select from pg_index i where i.indrelid = relation and i.indisunique and attribute = any (i.indkey::int2[])) into is_unique;

  with recursive chain (type, of_type, modifier) as (
    select t.oid, t.typbasetype, coalesce(nullif(wanted.atttypmod, -1), t.typtypmod) from pg_type t where t.oid = wanted.atttypid
    union all
    select t.oid, t.typbasetype, coalesce(nullif(chain.modifier, -1), t.typtypmod) from chain join pg_type t on t.oid = chain.of_type and chain.of_type <> 0
  )
  select min(c.type) filter (where c.of_type = 0), max(c.modifier) - 4,
         coalesce((select string_agg(pg_get_constraintdef(k.oid), ' ')
                     from pg_constraint k where k.contypid in (select h.type from chain h)), '')
    into base, longest, definitions
    from chain c;
  select t.typcategory into category from pg_type t where t.oid = base;
  definitions := definitions || ' ' || coalesce(
    (select string_agg(pg_get_constraintdef(k.oid), ' ') from pg_constraint k
      where k.conrelid = relation and k.contype = 'c' and attribute = any (k.conkey)), '');
  -- The bound of a partition is as good as a check for the columns of the key.
  definitions := definitions || ' ' || coalesce(
    (select string_agg(b.bound, ' ')
       from (select pg_get_expr(c.relpartbound, c.oid) as bound
               from pg_class c
              where c.relpartbound is not null
                and (c.oid in (select p.relid from pg_partition_ancestors(relation) p)
                     or c.oid in (select i.inhrelid from pg_inherits i where i.inhparent = relation))
                and exists (select from pg_inherits i join pg_partitioned_table pt on pt.partrelid = i.inhparent
                              join pg_attribute k on k.attrelid = i.inhparent and k.attnum = any (pt.partattrs::int2[])
                             where i.inhrelid = c.oid and k.attname = wanted.attname)
              limit 50) b), '');

  select coalesce(array_agg(distinct replace(m[1], '''''', '''')), '{}') into literals
    from regexp_matches(definitions, '''((?:[^'']|'''')*)''', 'g') m;
  select coalesce(array_agg(distinct m[1]::numeric), '{}') into numbers
    from regexp_matches(regexp_replace(definitions, '''(?:[^'']|'''')*''', ' ', 'g') || ' ' ||
                        coalesce((select string_agg(l, ' ') from unnest(literals) l where l ~ '^-?\d{1,9}(\.\d{1,9})?$'), '') || ' ' ||
                        -- A regular expression that counts: ^\d{13}$
                        coalesce((select string_agg(q[1], ' ') from unnest(literals) l cross join regexp_matches(l, '\{(\d{1,3})[,}]', 'g') q), ''),
                        '(?<![\w.$"])(-?\d{1,9}(?:\.\d{1,9})?)(?![\w."])', 'g') m;

  if exists (select from pg_enum e where e.enumtypid = base) then
    select array_agg(e.enumlabel::text order by e.enumsortorder) into common from pg_enum e where e.enumtypid = base;
  elsif category = 'B' then
    common := array['false', 'true'];
  elsif base = 'int2'::regtype then
    fresh := array[(20000 + serial)::text];
    common := array['1', '0', '2', '10', '100', '-1'];
  elsif category = 'N' then
    fresh := array[(1900000000 + serial)::text, (100000 + serial)::text, (10 + serial % 90)::text, (serial % 10)::text];
    common := array['1', '0', '2', '10', '100', '1000', '0.5', '-1'];
  elsif category = 'S' then
    fresh := array['isolation ' || serial, 'isolation' || serial, 'ISOLATION-' || serial, 'isolation-' || serial || '@example.com',
                   'i' || lpad(serial::text, 5, '0'), lpad(serial::text, 5, '0'), lpad(serial::text, 2, '0'),
                   'https://example.com/' || serial, '+43123' || lpad(serial::text, 7, '0')]
             || (select coalesce(array_agg(v order by n, v), '{}')
                   from unnest(numbers) n
                   cross join lateral (select right(lpad(serial::text, n::int, '0'), n::int)) as d (digits)
                   cross join lateral (values (digits), (translate(digits, '0123456789', 'ABCDEFGHIJ')), (translate(digits, '0123456789', 'abcdefghij'))) as s (v)
                  where n between 1 and 200 and n = trunc(n));
    common := (select coalesce(array_agg(repeat(c, n::int) order by n, c), '{}')
                 from unnest(numbers) n cross join unnest(array['a', 'A', '1']) c where n between 1 and 200 and n = trunc(n))
              || array['a', 'A', 'aa', 'AA', 'aaa', 'AAA', '1', '12345', 'A-1', 'Aa1', 'a b'];
  elsif base in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) then
    fresh := array[(current_date + serial)::text];
    common := array[current_date::text, (current_date + 1)::text, (current_date + 30)::text, (current_date - 1)::text, '2000-01-01', '1990-06-15'];
  elsif base = 'uuid'::regtype then
    fresh := array[gen_random_uuid()::text];
  elsif base in ('json'::regtype, 'jsonb'::regtype) then
    common := array['{}', '[]', 'null', '"a"', '1'];
  else
    -- Whatever else there is, one of these is a value of it.
    fresh := array[format('[%s,%s)', serial * 10, serial * 10 + 5),
                   format('[%s,%s)', current_date + serial * 2, current_date + serial * 2 + 1),
                   format('10.%s.%s.%s', serial / 65536 % 256, serial / 256 % 256, serial % 256),
                   format('02:00:00:%s:%s:%s', lpad(to_hex(serial / 65536 % 256), 2, '0'), lpad(to_hex(serial / 256 % 256), 2, '0'), lpad(to_hex(serial % 256), 2, '0'))];
    common := array['10:00', '1 day', '\x00', '{}', '(0,0)', '((0,0),(1,1))', '((0,0),1)', '0', '1', 'a', 'empty', '127.0.0.1', '10.0.0.0/8',
                    (select repeat('0', greatest(longest + 4, 1)) where category = 'V'), '<a/>',
                    (select '(' || repeat(',', count(*)::int - 1) || ')' from pg_attribute a join pg_type t on t.typrelid = a.attrelid
                      where t.oid = base and a.attnum > 0 and not a.attisdropped)];
  end if;

  if category = 'N' then
    literals := literals || (select coalesce(array_agg(v::text order by n, o), '{}')
                               from unnest(numbers) n cross join lateral (values (1, n), (2, n + 1), (3, n - 1)) as s (o, v));
  end if;
  result := case when is_unique then fresh || literals || common else literals || common || fresh end;
  if base in ('varchar'::regtype, 'bpchar'::regtype) and longest > 0 then
    result := (select array_agg(left(r, longest) order by o) from unnest(result) with ordinality as u (r, o));
  end if;
  return (select array_agg(v order by o) from (
            select v, min(o) as o from unnest(result) with ordinality as u (v, o) where v is not null group by v) d);
end
$function$;
comment on function tenancy.isolation_candidates(regclass, int2, int) is 'internal: values worth trying for a column that has no other';

-- Inserts a row given as JSON and tells it as it came out, with its place.
create function tenancy.isolation_insert_sql(relation regclass, row_data jsonb, overriding text default '') returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('insert into %s as t (%s) %s select r.* from pg_catalog.jsonb_to_record(%L) as r (%s)',
                tenancy.isolation_quoted(relation), string_agg(format('%I', a.attname), ', ' order by a.attnum), overriding, row_data,
                string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum))
    from pg_attribute a
   where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and row_data ? a.attname
$function$;
comment on function tenancy.isolation_insert_sql(regclass, jsonb, text) is 'internal: the statement that inserts a row given as JSON';
