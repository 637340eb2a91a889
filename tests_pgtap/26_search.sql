-- Searches under row security: indexes serve them as far as tenancy.shared_index_search allows, they find what the built-in
-- operators find, and their errors tell nothing of other tenants' rows.

select plan(54);

set client_min_messages = warning;
create extension if not exists pg_trgm;
set role shop_owner;
create table shop.letter (
  id bigint generated always as identity primary key,
  tenant_id bigint,
  name text not null,
  body text not null,
  data jsonb not null,
  tags text[] not null,
  numbers integer[] not null,
  large bigint[] not null,
  keys uuid[] not null,
  words tsvector generated always as (to_tsvector('simple', body)) stored
);
-- Tenant 1 has two of three rows, so that an index of all tenants beats the one of the tenant.
insert into shop.letter (tenant_id, name, body, data, tags, numbers, large, keys)
select case when n % 3 > 0 then 1 else 2 + n % 298 end, 'name ' || md5(n::text),
       format('letter %s of %s', md5(n::text), md5((n % 50)::text)), jsonb_build_object('n', n, 'k', n % 50),
       array['t' || n, 'u' || n % 50], array[n, n % 50], array[n, n % 50], array[md5(n::text)::uuid]
  from generate_series(1, 6000) n;
insert into shop.letter (tenant_id, name, body, data, tags, numbers, large, keys)
values (2, 'bob''s', 'the password is swordfish', '{}', '{}', '{}', '{}', '{}');
create index letter_words on shop.letter using gin (words);
create index letter_body on shop.letter using gin (body public.gin_trgm_ops);
create index letter_data on shop.letter using gin (data jsonb_path_ops);
create index letter_tags on shop.letter using gin (tags);
create index letter_numbers on shop.letter using gin (numbers);
create index letter_large on shop.letter using gin (large);
create index letter_keys on shop.letter using gin (keys);
create index letter_name on shop.letter (tenant_id, name text_pattern_ops);
select count(*) from tenancy.protect('shop.letter');
reset role;
analyze shop.letter;

create function pg_temp.explain_as(connection text, user_name text, statement text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform tests.begin_as(connection, user_name);
  answer := array_to_string(tests.tell_all(connection, 'explain (costs off) ' || statement), e'\n');
  perform tests.tell(connection, 'rollback');
  return answer;
end
$$;

-- ---------------------------------------------------------------- as it comes: indexes that begin with the tenant
select tests.open('a', 'shop_gateway');
select doesnt_match(pg_temp.explain_as('a', 'ann', 'select * from shop.letter where ' || condition), index_name, format('%s: an index of all tenants'' words is not for a tenant', condition))
  from (values ($$words @@ 'swordfish'$$, 'letter_words'), ($$body like '%swordfish%'$$, 'letter_body'), ($$data @> '{"n": 7}'$$, 'letter_data'),
               ($$tags && '{t7}'$$, 'letter_tags')) as search (condition, index_name);
select doesnt_match(pg_temp.explain_as('a', 'ann', 'select * from shop.letter where body operator(tenancy.~~) ''%swordfish%'''), 'letter_body',
  'nor where the operator is written out');
select matches(pg_temp.explain_as('a', 'ann', $$select * from shop.letter where name like 'name ab%'$$),
  'letter_name.*Index Cond: \(\(tenant_id = tenancy\.tenant_bigint\(\)\) AND \(name ~>=~ ''name ab''', 'a B-tree that begins with the tenant serves a prefix');
select is(tests.tell_as('a', 'ann', $$select count(*) from shop.letter where name like 'name ab%'$$),
  (select count(*)::text from shop.letter where tenant_id = 1 and name like 'name ab%'), 'and finds the tenant''s rows with it');

-- ---------------------------------------------------------------- by the owner's decision: every index
select is(tests.sqlstate_of('a', 'set tenancy.shared_index_search = on'), '42501', 'a login cannot decide that');
select is(tests.sqlstate_as('a', 'ann', 'set local tenancy.shared_index_search = on'), '42501', 'a tenant cannot');
select tests.open('owner', 'shop_owner');
select is(tests.tell('owner', format('alter database %I set tenancy.shared_index_search = on', current_database())), 'ALTER DATABASE', 'the owner of the database can');
select tests.open('b', 'shop_gateway');
create temp table search (condition text, index_name text);
insert into search values
  ($$words @@ 'b6d767d2f8ed5d21a44b0e5886680cb9'$$, 'letter_words'),
  ($$to_tsquery('simple', 'b6d767d2f8ed5d21a44b0e5886680cb9') @@ words$$, 'letter_words'),
  ($$body like '%b6d767d2f8ed%'$$, 'letter_body'),
  ($$body ilike '%B6D767D2F8ED%'$$, 'letter_body'),
  ($$body like '%b6d767d2f8ed%' or words @@ 'nowhere'$$, 'letter_body'),
  ($$data @> '{"n": 22}'$$, 'letter_data'),
  ($$tags @> '{t22}'$$, 'letter_tags'),
  ($$'{t22}' <@ tags$$, 'letter_tags'),
  ($$tags && '{t22, t23}'$$, 'letter_tags'),
  ($$numbers @> '{22}'$$, 'letter_numbers'),
  ($$numbers && '{22}'$$, 'letter_numbers'),
  ($$large @> '{22}'$$, 'letter_large'),
  ($$large && '{22}'$$, 'letter_large'),
  ($$keys @> '{b6d767d2-f8ed-5d21-a44b-0e5886680cb9}'$$, 'letter_keys'),
  ($$keys && '{b6d767d2-f8ed-5d21-a44b-0e5886680cb9}'$$, 'letter_keys');
select matches(pg_temp.explain_as('b', 'ann', 'select * from shop.letter where ' || condition), index_name, format('%s reaches the index', condition)) from search;
create function pg_temp.ids_of(condition text) returns text language plpgsql as
$$
declare
  ids text;
begin
  execute 'select coalesce(string_agg(id::text, '','' order by id), ''none'') from shop.letter where tenant_id = 1 and (' || condition || ')' into ids;
  return ids;
end
$$;
select is(array_agg(tests.tell_as('b', 'ann', format($$select coalesce(string_agg(id::text, ',' order by id), 'none') from shop.letter where %s$$, condition))),
          array_agg(pg_temp.ids_of(condition)), 'each finds the tenant''s rows that the built-in operator finds, and no other')
  from search;
select is(tests.tell_as('b', 'ann', $$select count(*) from shop.letter where words @@ 'swordfish' or body like '%swordfish%'$$), '0', 'another tenant''s word finds nothing');
select is(tests.tell_as('b', 'bob', $$select count(*) from shop.letter where words @@ 'swordfish' and body like '%swordfish%'$$), '1', 'and its own tenant the row');

-- ---------------------------------------------------------------- wherever a query comes from
select matches(pg_temp.explain_as('b', 'ann', $$update shop.letter set name = name where words @@ 'b6d767d2f8ed5d21a44b0e5886680cb9'$$), 'letter_words', 'UPDATE as well');
set role shop_owner;
create view shop.letters with (security_invoker) as select id, body, words from shop.letter where tenant_id > 0;
grant select on shop.letters to tenancy_user;
create function shop.find_letters(query tsquery) returns setof shop.letter language sql stable as 'select * from shop.letter where words @@ query';
create table shop.parcel (like shop.letter) partition by range (id);
create table shop.parcel_1 partition of shop.parcel for values from (0) to (3000);
create table shop.parcel_2 partition of shop.parcel for values from (3000) to (maxvalue);
reset role; -- row security holds the owner as well
insert into shop.parcel select * from shop.letter;
set role shop_owner;
create index parcel_body on shop.parcel using gin (body public.gin_trgm_ops);
select count(*) from tenancy.protect('shop.parcel');
create unique index letter_named on shop.letter (tenant_id, name) where name like 'only%';
reset role;
analyze shop.parcel;
select matches(pg_temp.explain_as('b', 'ann', $$select * from shop.letters where words @@ 'b6d767d2f8ed5d21a44b0e5886680cb9'$$), 'letter_words', 'through a view');
select matches(pg_temp.explain_as('b', 'ann', $$select * from shop.find_letters('b6d767d2f8ed5d21a44b0e5886680cb9')$$), 'letter_words', 'in a function that the planner looks into');
select matches(pg_temp.explain_as('b', 'ann', $$select * from shop.parcel where body like '%b6d767d2f8ed%'$$), 'parcel_1_body_idx.*parcel_2_body_idx', 'in each partition');
select is(tests.sqlstate_as('b', 'ann', $$insert into shop.letter (name, body, data, tags, numbers, large, keys) values ('only', '', '{}', '{}', '{}', '{}', '{}')
                                          on conflict (tenant_id, name) where name like 'only%' do nothing$$), '00000', 'a partial index is still found by its condition');
select tests.tell('b', 'set plan_cache_mode = force_generic_plan');
select tests.tell('b', 'set role tenancy_user');
select tests.tell('b', 'prepare found(text) as select count(*) from shop.letter where body like $1');
select tests.tell('b', 'reset role');
select matches(pg_temp.explain_as('b', 'ann', $$execute found('%b6d767d2f8ed%')$$), 'letter_body.*Index Cond: \(body ~~ \$1\)', 'with a parameter in a generic plan');
select is(tests.tell_as('b', 'ann', $$execute found('%b6d767d2f8ed%')$$) || tests.tell_as('b', 'bob', $$execute found('%b6d767d2f8ed%')$$),
  (select count(*) filter (where tenant_id = 1) || '' || count(*) filter (where tenant_id = 2) from shop.letter where body like '%b6d767d2f8ed%'), 'which finds each tenant''s rows');

-- An index of a class that knows the operator itself needs no decision, and no second look at what it found.
drop index shop.letter_words;
create index letter_own on shop.letter using gin (words tenancy.tsvector_ops);
select matches(pg_temp.explain_as('a', 'ann', $$select * from shop.letter where words @@ 'b6d767d2f8ed5d21a44b0e5886680cb9'$$),
  'Recheck Cond: \(words OPERATOR\(tenancy\.@@\).*Index Scan on letter_own', 'an index of class tenancy.tsvector_ops serves full-text search whatever the setting says');
create index letter_paths on shop.letter using gin (data tenancy.jsonb_path_ops);
select matches(pg_temp.explain_as('a', 'ann', $$select * from shop.letter where data @> '{"n": 22}'$$),
  'Index Scan on letter_paths.*Index Cond: \(data OPERATOR\(tenancy\.@>\)', 'one of class tenancy.jsonb_path_ops serves documents');
create function pg_temp.my_plan(statement text) returns text language plpgsql as
$$
declare
  line text;
  answer text := '';
begin
  for line in execute 'explain (costs off) ' || statement loop
    answer := answer || line || e'\n';
  end loop;
  return answer;
end
$$;
select matches(pg_temp.my_plan($$select * from shop.letter where words @@ 'b6d767d2f8ed5d21a44b0e5886680cb9'$$), 'Index Cond: \(words @@', 'and those whom row security does not hold');

-- ---------------------------------------------------------------- the same answers
select setseed(0.26);
create function pg_temp.random_text(letters text, longest integer) returns text language sql volatile as
$$ select coalesce(string_agg(substr(letters, 1 + (random() * (length(letters) - 1))::integer, 1), ''), '') from generate_series(1, (random() * longest)::integer) $$;
create temp table pattern as
  select pg_temp.random_text('abAÄä', 7) as text, pg_temp.random_text('abAä%_%\', 6) as pattern from generate_series(1, 20000);
delete from pattern where pattern ~ '(^|[^\\])(\\\\)*\\$'; -- an odd backslash at the end: below
select is_empty($$select * from pattern where (text like pattern) <> (text operator(tenancy.~~) pattern) or (text ilike pattern) <> (text operator(tenancy.~~*) pattern)$$,
  'LIKE and ILIKE: on thousands of random patterns');
select cmp_ok((select count(*) from pattern where text operator(tenancy.~~) pattern), '>', 500::bigint, 'many of which match');
create temp table query as
  select to_tsvector('simple', pg_temp.random_text('abc ', 12)) as words,
         (case when random() < 0.3 then '!' else '' end || w[1] || o[1 + (random() * 3)::integer] || w[2] || o[1 + (random() * 3)::integer] || '(' || w[3] || o[1 + (random() * 3)::integer] || w[4] || ')')::tsquery as query
    from generate_series(1, 10000), lateral (select array_agg(substr('abc', 1 + (random() * 2)::integer, 1) || case when random() < 0.2 then ':*' else '' end) as w
                                               from generate_series(1, 4) where generate_series.generate_series > 0) as word,
         (values (array[' & ', ' | ', ' <-> ', ' <2> '])) as operator_ (o);
select is_empty('select * from query where (words @@ query) <> (words operator(tenancy.@@) query)', '@@: on thousands of random queries');
select cmp_ok((select count(*) from query where words operator(tenancy.@@) query), '>', 500::bigint, 'many of which match');
create temp table lists as
  select array_agg(nullif(a, 3)) filter (where a < 5) as a, array_agg(nullif(b, 3)) filter (where b < 5) as b
    from (select g % 3000 as g, (random() * 6)::integer as a, (random() * 6)::integer as b from generate_series(1, 12000) g) x group by g;
select is_empty($$select * from lists where (a @> b) is distinct from (a operator(tenancy.@>) b) or (a && b) is distinct from (a operator(tenancy.&&) b)
    or (a::bigint[] @> b::bigint[]) is distinct from (a::bigint[] operator(tenancy.@>) b::bigint[]) or (a::text[] && b::text[]) is distinct from (a::text[] operator(tenancy.&&) b::text[])
    or (to_jsonb(a) @> to_jsonb(b)) is distinct from (to_jsonb(a) operator(tenancy.@>) to_jsonb(b))
    or (jsonb_build_object('a', a, 'b', b) @> jsonb_build_object('a', b)) is distinct from (jsonb_build_object('a', a, 'b', b) operator(tenancy.@>) jsonb_build_object('a', b))$$,
  '@> and &&: on arrays and documents with NULLs');

-- ---------------------------------------------------------------- no errors that tell
-- LIKE refuses a pattern with a lone backslash at its end once a row has matched all before it. Where that happens before
-- the policy is asked, the error spells out other tenants' rows.
create function pg_temp.spells(connection text, operator_name text, guess text) returns text language sql as
$$ select tests.sqlstate_as(connection, 'ann', format('select count(*) from shop.letter where body %s %L', operator_name, guess || '%\')) $$;
select tests.tell('b', 'set plan_cache_mode = auto');
select is(pg_temp.spells('b', 'like', 'the password is s') || pg_temp.spells('b', 'like', 'the password is t'), '0000000000', 'the built-in LIKE is asked after the policy: no error tells of bob''s letter');
alter function pg_catalog.textlike(text, text) leakproof cost 0.5;
select is(pg_temp.spells('b', 'like', 'the password is s') || pg_temp.spells('b', 'like', 'the password is t'), '2202500000', 'declared LEAKPROOF, it spells bob''s letter out');
alter function pg_catalog.textlike(text, text) not leakproof cost 1;
alter function tenancy.matches_like(text, text) cost 0.5;
select is(pg_temp.spells('b', 'operator(tenancy.~~)', 'the password is s') || pg_temp.spells('b', 'operator(tenancy.~~)', 'the password is t'), '0000000000',
  'the twin says nothing, even where it is asked first');
alter function tenancy.matches_like(text, text) cost 2;
select is('a' operator(tenancy.~~) 'a\', false, 'such a pattern matches nothing');
select is('a\' operator(tenancy.~~) 'a\\', true, 'a backslash that is escaped does');
select tests.tell('b', 'set plan_cache_mode = force_generic_plan');
select is(tests.tell_as('b', 'ann', $$execute found('the password is s%\')$$), '0', 'nor does a generic plan''s parameter');
select tests.tell('b', 'set plan_cache_mode = auto');
select is(tests.sqlstate_as('b', 'bob', $$select * from shop.letter where body like 'the password is s%\'$$), '22025', 'one''s own row still tells of the mistake');

-- How deep a query is looked into depends on the row: with little stack left an error would tell.
create function pg_temp.search_deep(operator_name text) returns text language plpgsql as
$$
declare
  query tsquery := repeat('a & (', 3000) || 'a' || repeat(')', 3000);
  answer text;
begin
  perform set_config('max_stack_depth', '100kB', true);
  execute format('select ''a''::tsvector %s $1', operator_name) into answer using query;
  return answer;
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.search_deep('@@'), '54001', 'the built-in @@ runs out of stack');
select is(pg_temp.search_deep('operator(tenancy.@@)'), 'false', 'the twin takes that as no match');
create collation pg_temp.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
select is('a' collate pg_temp.any_case operator(tenancy.~~) 'a', false, 'a collation that LIKE does not know is no match either');

-- What ends a statement from outside goes through.
create function pg_temp.search_for_long() returns text language plpgsql as
$$
begin
  perform tests.tell('owner', 'set statement_timeout = ''50ms''');
  return tests.tell('owner', format('select count(*) from generate_series(1, 20000) n where (case when n > 0 then ''a'' end)::tsvector operator(tenancy.@@) %L',
                                    'a' || repeat(' & a', 2000)));
exception when query_canceled then
  return sqlstate;
end
$$;
select is(pg_temp.search_for_long(), '57014', 'a time limit ends a search');
select tests.open('owner', 'shop_owner');

-- ---------------------------------------------------------------- as it was
select tests.tell('owner', format('alter database %I reset tenancy.shared_index_search', current_database()));
drop function shop.find_letters(tsquery);
drop view shop.letters;
drop table shop.letter, shop.parcel;
drop extension pg_trgm;
select * from finish();
