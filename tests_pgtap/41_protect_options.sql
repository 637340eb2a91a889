-- Options of tenancy.protect(): rows of a user inside a tenant, rows for all, tables for reading; changing them; and the
-- note of what was there before. The table's owner calls them; he is no superuser.

select plan(82);
select tests.open('owner', 'shop_owner');
select tests.open('a', 'shop_gateway');
select tests.tell('owner', 'create schema opts');
select tests.tell('owner', 'grant usage on schema opts to tenancy_user, tenancy_admin');
create function pg_temp.make(definition text) returns text language sql as $$ select tests.tell('owner', definition) $$;
create function pg_temp.protect(arguments text) returns text[] language sql as
$$ select tests.tell_all('owner', format('select step from tenancy.protect(%s)', arguments)) $$;
create function pg_temp.unprotect(relation text) returns text[] language sql as
$$ select tests.tell_all('owner', format('select step from tenancy.unprotect(%L)', relation)) $$;
create function pg_temp.user_id(name text) returns text language sql as $$ select id::text from shop.account where user_name = name $$;
create function pg_temp.explain_as(user_name text, statement text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform tests.begin_as('a', user_name);
  answer := array_to_string(tests.tell_all('a', 'explain (costs off) ' || statement), e'\n');
  perform tests.tell('a', 'rollback');
  return answer;
end
$$;
create function pg_temp.shape(relation text) returns text language sql as
$$
  select concat_ws(e'\n', c.relrowsecurity, c.relforcerowsecurity,
    (select string_agg(x::text, ',' order by x::text) from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x),
    (select string_agg(p.polname || pg_get_expr(p.polqual, p.polrelid), ',' order by p.polname) from pg_policy p where p.polrelid = c.oid),
    (select string_agg(concat(a.attname, ' ', a.attnotnull, ' ', pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum)
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0),
    (select string_agg(a.attname || x::text, ',' order by a.attnum, x::text) from pg_attribute a, aclexplode(a.attacl) x where a.attrelid = c.oid),
    (select string_agg(pg_get_indexdef(i.indexrelid), ',' order by i.indexrelid) from pg_index i where i.indrelid = c.oid),
    (select string_agg(s.relname || x::text, ',' order by s.relname, x::text) from pg_class s,
       aclexplode(coalesce(s.relacl, acldefault('s', s.relowner))) x where s.relkind = 'S' and s.relnamespace = c.relnamespace))
  from pg_class c where c.oid = relation::regclass
$$;

-- ---------------------------------------------------------------- rows of a user
select pg_temp.make('create table opts.letter (id int primary key, tenant_id bigint, author bigint, body text)');
select pg_temp.make(format($$insert into opts.letter select n, 5, case when n %% 2 = 0 then %s else %s end, 'x' from generate_series(1, 10) n$$, pg_temp.user_id('gil'), pg_temp.user_id('hal')));
create temporary table letter_before as select pg_temp.shape('opts.letter') as shape;
select ok(pg_temp.protect($$'opts.letter', owner_column => 'author'$$) @> array['index led by the tenant', 'not null'], 'owner_column is an option of protect');
select is(pg_temp.protect($$'opts.letter', owner_column => 'author'$$), array['nothing to do'], 'which is recognized');
select is((select pg_get_expr(polqual, polrelid) from pg_policy where polrelid = 'opts.letter'::regclass and polname = 'tenancy_wall'),
  '((tenant_id = tenancy.tenant_bigint()) AND (author = tenancy.user_bigint()))', 'its policies ask for tenant and user');
select is(tests.tell_as('a', 'gil', 'select count(*) from opts.letter'), '5', 'gil sees his letters');
select is(tests.tell_as('a', 'gil', 'select count(*) filter (where id % 2 = 1) from opts.letter'), '0', 'and none of hal, who is of the same tenant');
select is(tests.tell_as('a', 'ann', 'select count(*) from opts.letter'), '0', 'another tenant sees none');
select is(tests.tell_as('a', 'eve', 'select count(*) from opts.letter'), '10', 'an admin sees all');
select is(tests.tell_as('a', 'gil', 'insert into opts.letter (id) values (100) returning author'), pg_temp.user_id('gil'), 'a row without an author is the user''s');
select is(tests.sqlstate_as('a', 'gil', format('insert into opts.letter (id, author) values (101, %s)', pg_temp.user_id('hal'))), '42501', 'one for another user is refused');
select is(tests.sqlstate_as('a', 'gil', format('update opts.letter set author = %s', pg_temp.user_id('hal'))), '42501', 'so is giving one away');
delete from opts.letter where id = 100;
select is((select pg_get_indexdef(indexrelid) ~ '\(tenant_id, author, id\)' from pg_index where indrelid = 'opts.letter'::regclass and not indisunique), true, 'the index has both columns');
select tests.tell('a', 'set enable_seqscan = off');
select tests.tell('a', 'set enable_bitmapscan = off');
select matches(pg_temp.explain_as('gil', 'select * from opts.letter'), 'Index Cond: \(\(tenant_id = tenancy.tenant_bigint\(\)\) AND \(author = tenancy.user_bigint\(\)\)\)', 'both are index conditions');
select doesnt_match(pg_temp.explain_as('gil', 'select * from opts.letter'), 'Filter', 'and nothing is filtered after: the wall costs nothing');
select tests.tell('a', 'reset all');
create policy everything on opts.letter using (true);
select is(tests.tell_as('a', 'gil', 'select count(*) from opts.letter'), '5', 'a policy that is added later widens nothing');
drop policy tenancy_wall on opts.letter;
select is(tests.tell_as('a', 'gil', 'select count(*) from opts.letter'), '10', 'without the wall it would');
drop policy everything on opts.letter;
select is(pg_temp.protect($$'opts.letter'$$), array['replace policy', 'create policy'], 'without the option the same call takes it back');
select is(tests.tell_as('a', 'gil', 'select count(*) from opts.letter'), '10', 'then gil sees the letters of his tenant');
select pg_temp.protect($$'opts.letter', owner_column => 'author'$$);
select pg_temp.unprotect('opts.letter');
select is(pg_temp.shape('opts.letter'), shape, 'unprotect gives the owner column back as it was') from letter_before;
select pg_temp.make('update opts.letter set author = null where id < 4');
select is((tests.try('owner', $$select step from tenancy.protect('opts.letter', owner_column => 'author')$$)).code, '23502', 'rows without an author are refused');
select matches((tests.try('owner', $$select step from tenancy.protect('opts.letter', owner_column => 'author')$$)).message, 'author .* 3 rows', 'and counted');
select is(pg_temp.shape('opts.letter'), shape, 'and nothing has changed') from letter_before;

-- ---------------------------------------------------------------- rows for all
select pg_temp.make('create table opts.template (id int primary key, tenant_id bigint, body text)');
select pg_temp.make($$insert into opts.template select n, nullif(n % 3, 0), 'x' from generate_series(1, 30) n$$);
create temporary table template_before as select pg_temp.shape('opts.template') as shape;
select ok(not pg_temp.protect($$'opts.template', shared => true$$) @> array['not null'], 'a table with shared rows keeps NULL in its tenant column');
select is(pg_temp.protect($$'opts.template', shared => true$$), array['nothing to do'], 'shared is recognized');
select is(tests.tell_as('a', 'ann', 'select count(*) from opts.template'), '20', 'ann sees her rows and those for all');
select is(tests.tell_as('a', 'ann', 'select count(*) from opts.template where tenant_id = 2'), '0', 'and none of tenant 2');
select is(tests.sqlstate_as('a', 'ann', 'insert into opts.template values (100, null)'), '42501', 'she adds no row for all');
select is(tests.tell_as('a', 'ann', 'insert into opts.template (id) values (100) returning tenant_id'), '1', 'a row without a tenant is hers');
select is(tests.tell_as('a', 'ann', $$with u as (update opts.template set body = 'mine' returning 1) select count(*) from u$$), '11', 'an update changes her rows');
select is((select count(*) from opts.template where body = 'mine' and tenant_id is distinct from 1), 0::bigint, 'and none for all');
select is(tests.sqlstate_as('a', 'ann', 'update opts.template set tenant_id = null'), '42501', 'she gives no row to all');
select is(tests.tell_as('a', 'ann', $$with d as (delete from opts.template where tenant_id is null returning 1) select count(*) from d$$), '0', 'she deletes none for all');
select is(tests.sqlstate_as('a', 'ann', $$insert into opts.template values (3, 1, 'x') on conflict (id) do update set body = 'taken'$$), '42501', 'an upsert that meets one is refused');
select is(tests.tell_as('a', 'ann', 'select count(*) from (select 1 from opts.template where tenant_id is null for update) x'), '0', 'she locks none');
select is(tests.sqlstate_as('a', 'eve', $$update opts.template set body = 'all' where tenant_id is null$$), '00000', 'an admin keeps them');
select is(tests.sqlstate_of('owner', 'select count(*) from opts.template'), '42501', 'without a context nobody sees them');
select tests.tell('owner', $$set tenancy.on_missing_context = 'empty'$$);
select is(tests.tell('owner', 'select count(*) from opts.template'), '0', 'nor where a missing context gives empty tables');
select tests.tell('owner', 'reset tenancy.on_missing_context');
insert into opts.template select n, 2 + n % 500 from generate_series(1000, 9000) n;
analyze opts.template;
select matches(pg_temp.explain_as('ann', 'select * from opts.template'), 'BitmapOr.*Index Cond: \(tenant_id = tenancy.tenant_bigint\(\)\).*Index Cond: \(tenant_id IS NULL\)', 'both kinds of rows are found through the index');
select is((length(x) - length(replace(x, 'IS NULL', ''))) / length('IS NULL'), 3, 'and the wall adds nothing: Postgres merges the two equal predicates')
  from pg_temp.explain_as('ann', 'select * from opts.template') x;
-- A policy that is added later.
create policy everything on opts.template using (true);
select is(tests.tell_as('a', 'ann', 'select count(*) from opts.template where tenant_id = 2'), '0', 'a second policy using (true) shows no row of others');
select is(tests.tell_as('a', 'ann', $$with u as (update opts.template set body = 'y' where tenant_id is null returning 1) select count(*) from u$$), '0', 'and opens no row for all to an update');
select is(tests.tell_as('a', 'ann', $$with d as (delete from opts.template where tenant_id is null returning 1) select count(*) from d$$), '0', 'nor to a delete');
select is(tests.sqlstate_as('a', 'ann', 'insert into opts.template values (101, null)'), '42501', 'nor to an insert');
drop policy tenancy_wall_delete on opts.template;
select is(tests.sqlstate_as('a', 'ann', $$delete from opts.template where tenant_id is null and 1 / (id - id) = 1$$), '22012', 'without the wall for DELETE it would: the rows are reached');
select is(pg_temp.protect($$'opts.template', shared => true$$), array['create policy'], 'protect builds it again');
drop policy everything on opts.template;
select is((tests.try('owner', $$select step from tenancy.protect('opts.template')$$)).code, '23502', 'shared is not taken back while there are rows for all');
delete from opts.template where tenant_id is null or id >= 1000;
select is(pg_temp.protect($$'opts.template'$$), array['replace policy', 'drop policy', 'drop policy', 'drop policy', 'drop policy', 'not null'], 'when there are none it is');
select policies_are('opts', 'template', array['tenancy_tenant', 'tenancy_wall', 'tenancy_bypass', 'tenancy_bypass_wall'], 'and the policies are the ordinary ones');
select ok(pg_temp.protect($$'opts.template', shared => true$$) @> array['null allowed'], 'and again shared');
select pg_temp.unprotect('opts.template');
select is(pg_temp.shape('opts.template'), shape, 'unprotect finds the way back from there') from template_before;
select pg_temp.make('create table opts.shared_key (tenant_id bigint, id int, primary key (tenant_id, id))');
select is(tests.sqlstate_of('owner', $$select step from tenancy.protect('opts.shared_key', shared => true)$$), '22023', 'a column of the primary key cannot be NULL in a shared row');

-- ---------------------------------------------------------------- tables for reading
select pg_temp.make('create table opts.country (code text primary key, name text)');
select pg_temp.make($$insert into opts.country values ('de', 'Germany'), ('fr', 'France')$$);
select pg_temp.make('grant insert, truncate on opts.country to tenancy_user');
create temporary table country_before as select pg_temp.shape('opts.country') as shape;
select is(pg_temp.protect($$'opts.country', reference => true$$), array['create policy', 'enable row security', 'rights', 'rights'], 'a reference table has no tenant column');
select is(pg_temp.protect($$'opts.country', reference => true$$), array['nothing to do'], 'and is recognized');
select is(tests.tell_as('a', 'ann', 'select count(*) from opts.country'), '2', 'every tenant reads it');
select is(tests.sqlstate_as('a', 'ann', $$insert into opts.country values ('it', 'Italy')$$), '42501', 'and none adds a row');
select is(tests.sqlstate_as('a', 'ann', $$update opts.country set name = 'x'$$), '42501', 'or changes one');
grant all on opts.country to tenancy_user;
select is(tests.sqlstate_as('a', 'ann', $$insert into opts.country values ('it', 'Italy')$$), '42501', 'not even where somebody grants it: there is no policy for writing');
select is(pg_temp.protect($$'opts.country', reference => true$$), array['rights'], 'protect takes such a right away');
select is(tests.sqlstate_of('owner', $$insert into opts.country values ('it', 'Italy')$$), '00000', 'its owner fills it');
select pg_temp.unprotect('opts.country');
select is(pg_temp.shape('opts.country'), shape, 'unprotect gives the rights of before back') from country_before;

-- ---------------------------------------------------------------- contradictions
select is(code, '22023', arguments || ' is refused') from (values
    ($$'opts.country', reference => true, owner_column => 'name'$$), ($$'opts.country', reference => true, shared => true$$),
    ($$'opts.country', reference => true, keys => true$$), ($$'opts.letter', reference => true$$),
    ($$'opts.letter', owner_column => 'tenant_id'$$), ($$'opts.letter', shared => null$$)) v (arguments),
  lateral tests.try('owner', format('select step from tenancy.protect(%s)', arguments)) t;
select is(tests.sqlstate_of('owner', $$select step from tenancy.protect('opts.letter', owner_column => 'nobody')$$), '42703', 'an owner column that is not there is refused');
select is(tests.sqlstate_of('owner', $$select step from tenancy.protect('opts.country', 'code', owner_column => 'name', reference => false) where false$$), '00000', 'owner and tenant may be text');

-- ---------------------------------------------------------------- another column
select pg_temp.make('create table opts.moved (id int primary key, tenant_id bigint, customer bigint not null default 7)');
create temporary table moved_before as select pg_temp.shape('opts.moved') as shape;
select pg_temp.protect($$'opts.moved'$$);
select ok(pg_temp.protect($$'opts.moved', 'customer'$$) @> array['drop policy', 'no default', 'null allowed', 'create policy'], 'protection for another column begins from the start');
select is(pg_temp.protect($$'opts.moved', 'customer'$$), array['nothing to do'], 'and is complete');
select pg_temp.unprotect('opts.moved');
select is(pg_temp.shape('opts.moved'), shape, 'the way back is the one to the beginning') from moved_before;

-- ---------------------------------------------------------------- rights of before
select pg_temp.make('create sequence opts.shared_numbers');
select pg_temp.make($$create table opts.rights (id serial primary key, n int default nextval('opts.shared_numbers'), tenant_id bigint, name text)$$);
select pg_temp.make('grant select on opts.rights to tenancy_user with grant option');
select pg_temp.make('grant update (name), references (id) on opts.rights to tenancy_user');
select pg_temp.make('grant usage, update on sequence opts.rights_id_seq to tenancy_user');
select pg_temp.make('grant select on sequence opts.shared_numbers to tenancy_admin');
create temporary table rights_before as select pg_temp.shape('opts.rights') as shape;
select pg_temp.protect($$'opts.rights', access => 'read'$$);
select is(has_column_privilege('tenancy_user', 'opts.rights', 'name', 'update'), false, 'rights on columns go: access read means reading');
select is(has_sequence_privilege('tenancy_user', 'opts.rights_id_seq', 'update'), false, 'so does setting a sequence');
select pg_temp.protect($$'opts.rights'$$);
select is(tests.tell_as('a', 'ann', 'insert into opts.rights default values returning n'), '1', 'a default may draw from a sequence of the same owner');
select pg_temp.unprotect('opts.rights');
select is(pg_temp.shape('opts.rights'), shape, 'rights on columns and sequences, and grant options, are as before') from rights_before;

-- ---------------------------------------------------------------- a note that cannot be read
select pg_temp.make('create table opts.noted (id int primary key, tenant_id bigint)');
create function pg_temp.story_of_note(comment text) returns setof text language plpgsql as
$$
begin
  perform pg_temp.protect($q$'opts.noted'$q$);
  perform pg_temp.make(format('comment on policy tenancy_tenant on opts.noted is %L', comment));
  return next is(array(select s from unnest(pg_temp.unprotect('opts.noted')) s where s not like 'drop policy' and s not like 'left:%'), '{}', format('%L: unprotect takes the policies, and nothing it does not know', comment));
  perform pg_temp.make('alter table opts.noted no force row level security');
  perform pg_temp.make('alter table opts.noted disable row level security');
end
$$;
select pg_temp.story_of_note(c) from (values ('my table'), ('Before: {"row_security"'), ('Before: [1]'), ('Before: "x"'), (null)) v (c);
select pg_temp.protect($$'opts.noted'$$);
select pg_temp.make($$comment on policy tenancy_tenant on opts.noted is 'Before: {"row_security": "x", "forced": [], "attributes": 7, "tenancy_user": ["usage", 5, null, {"a": 1}, "select on x"], "tenancy_admin": "all", "columns": [1, {"column": "id", "role": "shop_owner", "right": "update"}], "sequences": {}, "index": "noted_pkey", "unique_keys": ["noted_pkey"], "foreign_keys": "x", "made_keys": [null]}'$$);
select is(tests.sqlstate_of('owner', $$select step from tenancy.unprotect('opts.noted')$$), '00000', 'a note of the wrong shapes breaks nothing');
select has_index('opts', 'noted', 'noted_pkey', array['id'], 'and drops no key');
select pg_temp.make('alter table opts.noted enable row level security');
select pg_temp.protect($$'opts.noted'$$);
select pg_temp.make($$comment on policy tenancy_tenant on opts.noted is 'mine'$$);
select matches((pg_temp.protect($$'opts.noted'$$))[1], '^left: the note', 'protect says that the note is gone');

set client_min_messages = warning;
drop schema opts cascade;
select * from finish();
