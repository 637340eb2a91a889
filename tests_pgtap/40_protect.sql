-- tenancy.protect() and unprotect(): what they do to tables of every shape, what they refuse, and that the way back
-- ends where it began. The table's owner calls them; he is no superuser.

select plan(110);
select tests.open('owner', 'shop_owner');
select tests.open('a', 'shop_gateway');
select tests.tell('owner', 'create schema yard');
select tests.tell('owner', 'grant usage on schema yard to tenancy_user, tenancy_admin');

-- What a table is, as far as protection could change it: rights, policies, row security, defaults, NOT NULL, indexes.
create function pg_temp.shape(relation text) returns text language sql as
$$
  select concat_ws(e'\n', c.relrowsecurity, c.relforcerowsecurity,
    (select string_agg(x::text, ',' order by x::text) from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x),
    (select string_agg(p.polname || pg_get_expr(p.polqual, p.polrelid), ',' order by p.polname) from pg_policy p where p.polrelid = c.oid),
    (select string_agg(concat(a.attname, ' ', a.attnotnull, ' ', pg_get_expr(d.adbin, d.adrelid), ' ', a.attacl), ',' order by a.attnum)
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0),
    (select string_agg(pg_get_indexdef(i.indexrelid), ',' order by i.indexrelid) from pg_index i where i.indrelid = c.oid),
    (select string_agg(x::text, ',' order by x::text) from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S',
       aclexplode(coalesce(s.relacl, acldefault('s', s.relowner))) x where d.refobjid = c.oid))
  from pg_class c where c.oid = relation::regclass
$$;
create function pg_temp.make(definition text) returns text language sql as $$ select tests.tell('owner', definition) $$;
create function pg_temp.protect(arguments text) returns text[] language sql as
$$ select tests.tell_all('owner', format('select step from tenancy.protect(%s)', arguments)) $$;
create function pg_temp.unprotect(relation text) returns text[] language sql as
$$ select tests.tell_all('owner', format('select step from tenancy.unprotect(%L)', relation)) $$;
create function pg_temp.refusal(arguments text) returns text language sql as
$$ select tests.sqlstate_of('owner', format('select step from tenancy.protect(%s)', arguments)) $$;

-- ---------------------------------------------------------------- an ordinary table, step by step
select pg_temp.make('create table yard.plain (id int primary key, tenant_id bigint, name text)');
select pg_temp.make('insert into yard.plain select n, n % 3 + 1, n::text from generate_series(1, 30) n');
create temporary table shape_before as select pg_temp.shape('yard.plain') as plain;
select is(pg_temp.protect($$'yard.plain'$$),
  array['create policy', 'create policy', 'create policy', 'create policy', 'enable row security', 'force row security',
        'default from the context', 'not null', 'index led by the tenant', 'rights', 'rights'],
  'protect does these steps and tells them');
select is(pg_temp.protect($$'yard.plain'$$), array['nothing to do'], 'again there is nothing to do');
select policies_are('yard', 'plain', array['tenancy_tenant', 'tenancy_wall', 'tenancy_bypass', 'tenancy_bypass_wall'], 'the table has these policies');
select policy_cmd_is('yard', 'plain', 'tenancy_tenant', 'all', 'one policy serves all commands');
select is((select array_agg(format('%s %s %s %s', polname, polpermissive, polroles::regrole[], pg_get_expr(polqual, polrelid)) order by polname) from pg_policy where polrelid = 'yard.plain'::regclass),
  array['tenancy_bypass t {tenancy_admin} tenancy.bypassing()', 'tenancy_bypass_wall f {tenancy_admin} tenancy.bypassing()',
        'tenancy_tenant t {-} (tenant_id = tenancy.tenant_bigint())', 'tenancy_wall f {tenancy_user} (tenant_id = tenancy.tenant_bigint())'],
  'each for its role, with a column, an operator and a reader');
select is((select bool_and(pg_get_expr(polqual, polrelid) = pg_get_expr(polwithcheck, polrelid)) from pg_policy where polrelid = 'yard.plain'::regclass), true,
  'rows that may be written are those that may be read');
select table_privs_are('yard', 'plain', 'tenancy_user', array['SELECT', 'INSERT', 'UPDATE', 'DELETE'], 'tenancy_user may not truncate, refer or trigger');
select table_privs_are('yard', 'plain', 'tenancy_admin', array['SELECT', 'INSERT', 'UPDATE', 'DELETE'], 'nor may tenancy_admin');
select table_privs_are('yard', 'plain', 'public', array[]::text[], 'nobody else gets a right');
select col_not_null('yard', 'plain', 'tenant_id', 'the column holds no NULL');
select col_default_is('yard', 'plain', 'tenant_id', 'tenancy.tenant_bigint()', 'and defaults to the context');
select index_is_type('yard', 'plain', 'plain_tenancy_idx', 'btree', 'it has an index');
select matches(pg_get_indexdef('yard.plain_tenancy_idx'::regclass), '\(tenant_id, id\)', 'led by it, with the key after it');

-- Rows of before, and rows made now.
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.plain'), '10', 'rows that were there are seen by their tenant');
select is(tests.tell_as('a', 'ann', $$insert into yard.plain (id, name) values (100, 'new') returning tenant_id$$), '1', 'a row without a tenant gets the context''s');
select is(tests.tell_as('a', 'ann', $$with u as (update yard.plain set name = 'mine' returning 1) select count(*) from u$$), '11', 'an update without a condition changes the tenant''s rows');
select is((select count(*) from yard.plain where name = 'mine' and tenant_id <> 1), 0::bigint, 'and none of others');
select is(tests.tell_as('a', 'ann', $$with d as (delete from yard.plain where id = 1 or id = 2 or id = 100 returning 1) select count(*) from d$$), '1', 'a delete too');
select is((select count(*) from yard.plain), 30::bigint, 'the others'' are still there');

select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain values (101, 2, 'x')$$), '42501', 'an insert for another tenant is refused');
select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain values (101, null, 'x')$$), '42501', 'an insert for no tenant');
select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain select 101, 2, 'x'$$), '42501', 'one from a query');
select is(tests.sqlstate_as('a', 'ann', $$update yard.plain set tenant_id = 2$$), '42501', 'an update that gives a row away is');
select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain values (101, 1, 'x') on conflict (id) do update set tenant_id = 2$$), '00000', 'an upsert that inserts its own is not');
select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain values (3, 1, 'x') on conflict (id) do update set tenant_id = 2$$), '42501', 'an upsert that gives its own row away is');
select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain values (1, 1, 'x') on conflict (id) do update set name = 'taken'$$), '42501', 'so is one that meets another tenant''s row');
select is((select detail from (select tests.begin_as('a', 'ann')) b, lateral tests.try('a', $$insert into yard.plain values (1, 1, 'x')$$)), '', 'a key that is taken is not spelled out');
select tests.tell('a', 'rollback');
select is(tests.sqlstate_as('a', 'ann', $$merge into yard.plain p using (values (500)) v (id) on p.id = v.id when not matched then insert values (v.id, 2, 'x')$$), '42501', 'MERGE that inserts for another tenant is refused');
select is(tests.sqlstate_as('a', 'ann', $$merge into yard.plain p using (values (3)) v (id) on p.id = v.id when matched then update set tenant_id = 2$$), '42501', 'and MERGE that gives away');
select is(tests.tell_as('a', 'ann', $$merge into yard.plain p using (values (1), (2)) v (id) on p.id = v.id when matched then delete$$), 'MERGE 0', 'MERGE matches no row of others');
select is(tests.sqlstate_as('a', 'ann', 'copy yard.plain from stdin'), '0A000', 'COPY into the table is refused by the server');
select is(tests.sqlstate_as('a', 'ann', 'truncate yard.plain'), '42501', 'TRUNCATE is refused');
select is(tests.sqlstate_as('a', 'ann', $$with x as (insert into yard.plain values (102, 2, 'x') returning *) select count(*) from x$$), '42501', 'an insert inside a query is checked as well');

-- The owner is held, as everybody is.
select is(tests.sqlstate_of('owner', 'select count(*) from yard.plain'), '42501', 'the table''s owner sees nothing without a context');
select is(tests.sqlstate_of('owner', $$insert into yard.plain values (103, 2, 'x')$$), '42501', 'and inserts nothing');
alter table yard.plain no force row level security;
select is(tests.tell('owner', 'select count(*) from yard.plain'), '30', 'without FORCE he would see all');
select is(pg_temp.protect($$'yard.plain'$$), array['force row security'], 'protect puts it back, and nothing else');
select is(tests.sqlstate_of('owner', 'select count(*) from yard.plain'), '42501', 'and he is held again');

-- A policy that somebody adds later.
select pg_temp.make('create policy everything on yard.plain using (true)');
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.plain'), '10', 'a second policy using (true) widens no tenant''s view');
select is(tests.sqlstate_as('a', 'ann', $$insert into yard.plain values (104, 2, 'x')$$), '42501', 'nor what it may write');
drop policy tenancy_wall on yard.plain;
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.plain'), '30', 'without the wall it would');
select is(pg_temp.protect($$'yard.plain'$$), array['create policy'], 'protect builds the wall again');
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.plain'), '10', 'and the view is the tenant''s');
select pg_temp.make('drop policy everything on yard.plain');
alter policy tenancy_wall on yard.plain using (true);
select is(pg_temp.protect($$'yard.plain'$$), array['replace policy'], 'a policy that was changed is replaced');

-- The counter-proof of the whole.
alter table yard.plain disable row level security;
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.plain'), '30', 'with row security off a tenant sees all rows');
select is(pg_temp.protect($$'yard.plain'$$), array['enable row security'], 'protect enables it');

-- And back.
select isnt(pg_temp.shape('yard.plain'), plain, 'protected, the table differs') from shape_before;
select cmp_ok(cardinality(pg_temp.unprotect('yard.plain')), '>', 5, 'unprotect tells its steps');
select is(pg_temp.shape('yard.plain'), plain, 'and the table is as it was') from shape_before;
select is(pg_temp.unprotect('yard.plain'), array['nothing to do'], 'again there is nothing to do');

-- ---------------------------------------------------------------- rights of before
select pg_temp.make('create table yard.granted (id serial primary key, tenant_id bigint not null default 5)');
select pg_temp.make('create index granted_by_tenant on yard.granted (tenant_id, id)');
select pg_temp.make('grant select, truncate on yard.granted to tenancy_user');
select pg_temp.make('grant select on yard.granted to shop_reporting');
select pg_temp.make('create policy mine on yard.granted using (tenant_id > 0)');
select pg_temp.make('alter table yard.granted enable row level security');
create temporary table shape_granted as select pg_temp.shape('yard.granted') as shape;
select is(pg_temp.protect($$'yard.granted'$$),
  array['create policy', 'create policy', 'create policy', 'create policy', 'force row security', 'rights', 'rights', 'rights', 'rights'],
  'what is there already is left alone');
select table_privs_are('yard', 'granted', 'tenancy_user', array['SELECT', 'INSERT', 'UPDATE', 'DELETE'], 'TRUNCATE is taken away');
select table_privs_are('yard', 'granted', 'shop_reporting', array['SELECT'], 'other roles keep what they have');
select is(tests.tell_as('a', 'bob', $$insert into yard.granted (tenant_id) values (2) returning id$$), '1', 'a tenant inserts into a table with a serial key');
select is(tests.sqlstate_as('a', 'bob', $$select setval('yard.granted_id_seq', 1000)$$), '42501', 'but does not set the sequence');
select is(tests.sqlstate_as('a', 'bob', $$insert into yard.granted default values$$), '42501', 'a default of the application''s own is checked like any value');
select pg_temp.unprotect('yard.granted');
select is(pg_temp.shape('yard.granted'), shape, 'unprotect gives TRUNCATE back, takes the sequence, and leaves index, default and policy') from shape_granted;

-- ---------------------------------------------------------------- reading only
select pg_temp.make('create table yard.readonly (id int primary key, tenant_id bigint not null)');
select pg_temp.make('insert into yard.readonly values (1, 1), (2, 2)');
select pg_temp.protect($$'yard.readonly', 'tenant_id', 'read'$$);
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.readonly'), '1', 'with access read a tenant reads its rows');
select is(tests.sqlstate_as('a', 'ann', 'update yard.readonly set id = 3'), '42501', 'and changes none');
select is(tests.sqlstate_as('a', 'ann', 'delete from yard.readonly'), '42501', 'and deletes none');
select is(tests.sqlstate_as('a', 'ann', 'insert into yard.readonly values (5, 1)'), '42501', 'and adds none');
select is(tests.sqlstate_as('a', 'eve', 'update yard.readonly set id = id + 10'), '00000', 'an admin may');
select is(pg_temp.protect($$'yard.readonly', 'tenant_id', 'write'$$), array['rights'], 'access can be changed');
select is(tests.sqlstate_as('a', 'ann', 'update yard.readonly set id = 3'), '00000', 'then a tenant changes its rows');
select is(pg_temp.protect($$'yard.readonly', 'tenant_id', 'read'$$), array['rights'], 'and back');
select is((select relacl::text !~ 'tenancy_admin' from pg_class where oid = 'shop.tenant'::regclass), false, 'the shop''s tenants are protected so');
select col_hasnt_default('shop', 'tenant', 'id', 'a table of tenants, whose key the column is, gets no default');

-- ---------------------------------------------------------------- shapes
select pg_temp.make('create table yard."Mixed Case" ("Id" int primary key, "Tenant Id" bigint, "Na""me" text)');
select pg_temp.make($$insert into yard."Mixed Case" values (1, 1, 'x'), (2, 2, 'y')$$);
create temporary table shape_mixed as select pg_temp.shape('yard."Mixed Case"') as shape;
select pg_temp.protect($$'yard."Mixed Case"', 'Tenant Id'$$);
select is(tests.tell_as('a', 'ann', 'select "Id" from yard."Mixed Case"'), '1', 'names with blanks and capitals are quoted');
select is(pg_temp.protect($$'yard."Mixed Case"', 'Tenant Id'$$), array['nothing to do'], 'and recognized');
select pg_temp.unprotect('yard."Mixed Case"');
select is(pg_temp.shape('yard."Mixed Case"'), shape, 'and the way back finds them') from shape_mixed;

select pg_temp.make('create table yard.composite (tenant_id bigint, id int, primary key (tenant_id, id))');
select is(pg_temp.protect($$'yard.composite'$$),
  array['create policy', 'create policy', 'create policy', 'create policy', 'enable row security', 'force row security', 'default from the context', 'rights', 'rights'],
  'a key led by the tenant needs no index beside it');
select is(tests.tell_as('a', 'ann', 'insert into yard.composite (id) values (1) returning tenant_id'), '1', 'each tenant has numbers of its own');
select is(tests.tell_as('a', 'bob', 'insert into yard.composite (id) values (1) returning tenant_id'), '2', 'and learns nothing about others'' from them');

select pg_temp.make('create table yard.numbered (id bigint generated always as identity primary key, tenant_id bigint)');
select pg_temp.protect($$'yard.numbered'$$);
select is(tests.tell_as('a', 'ann', 'insert into yard.numbered default values returning tenant_id'), '1', 'an identity column needs no right');

select pg_temp.make('create table yard.parted (id int, tenant_id bigint, primary key (id)) partition by range (id)');
select pg_temp.make('create table yard.parted_low partition of yard.parted for values from (0) to (100) partition by range (id)');
select pg_temp.make('create table yard.parted_lowest partition of yard.parted_low for values from (0) to (50)');
select pg_temp.make('create table yard.parted_high partition of yard.parted for values from (100) to (200)');
select pg_temp.make('insert into yard.parted values (1, 1), (2, 2), (101, 1), (102, 2)');
select pg_temp.make('grant select on yard.parted_high to tenancy_user');
create temporary table shape_parted as select concat(pg_temp.shape('yard.parted'), pg_temp.shape('yard.parted_low'), pg_temp.shape('yard.parted_lowest'), pg_temp.shape('yard.parted_high')) as shape;
select pg_temp.protect($$'yard.parted'$$);
select is((select count(*) from pg_class where relname like 'parted%' and relkind in ('r', 'p') and relrowsecurity and relforcerowsecurity), 4::bigint, 'every partition of every level is protected');
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.parted'), '2', 'a tenant sees its rows of all partitions');
select is(tests.sqlstate_as('a', 'ann', 'select count(*) from yard.parted_lowest'), '42501', 'a partition by its own name is refused');
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.parted_high'), '1', 'where somebody granted it, it shows the tenant''s rows');
select is(tests.tell_as('a', 'ann', 'insert into yard.parted (id) values (40) returning tenant_id'), '1', 'a row without a tenant gets it through the parent');
select is(tests.sqlstate_as('a', 'ann', 'insert into yard.parted (id, tenant_id) values (41, 2)'), '42501', 'for another tenant it is refused');
delete from yard.parted where id = 40;
select is(pg_temp.protect($$'yard.parted'$$), array['nothing to do'], 'again there is nothing to do');
select pg_temp.unprotect('yard.parted');
select is(concat(pg_temp.shape('yard.parted'), pg_temp.shape('yard.parted_low'), pg_temp.shape('yard.parted_lowest'), pg_temp.shape('yard.parted_high')), shape, 'the whole tree goes back') from shape_parted;

select pg_temp.make('create table yard.parent (id int primary key, tenant_id bigint)');
select pg_temp.make('create table yard.child (extra text) inherits (yard.parent)');
select pg_temp.make($$insert into yard.child values (1, 1, 'x'), (2, 2, 'y')$$);
select pg_temp.make('grant select on yard.child to tenancy_user');
select pg_temp.protect($$'yard.parent'$$);
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.parent'), '1', 'an inheritance child is protected with its parent');
select is(tests.tell_as('a', 'ann', 'select count(*) from yard.child'), '1', 'and by its own name');
select is(tests.tell_as('a', 'ann', 'select count(*) from only yard.parent'), '0', 'ONLY shows no more');

-- ---------------------------------------------------------------- refused, and nothing changed
select pg_temp.make('create table yard.holed (id int primary key, tenant_id bigint)');
select pg_temp.make('insert into yard.holed values (1, 1), (2, null), (3, null)');
create temporary table shape_holed as select pg_temp.shape('yard.holed') as shape;
select is((tests.try('owner', $$select step from tenancy.protect('yard.holed')$$)).code, '23502', 'rows without a tenant are refused');
select matches((tests.try('owner', $$select step from tenancy.protect('yard.holed')$$)).message, '2 rows', 'and counted');
select is(pg_temp.shape('yard.holed'), shape, 'and nothing has changed') from shape_holed;

select pg_temp.make('create view yard.a_view as select * from yard.plain');
select pg_temp.make('create table yard.numeric_one (id int, tenant_id numeric)');
select pg_temp.make('create domain yard.tenant_number as bigint');
select pg_temp.make('create table yard.domain_one (id int, tenant_id yard.tenant_number)');
select pg_temp.make('create temporary table passing (id int, tenant_id bigint)');
select pg_temp.make($$create collation yard.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)$$);
select pg_temp.make('create table yard.blind_one (id int, tenant_id text collate yard.blind)');
create table yard.foreign_one (id int, tenant_id bigint);
create temporary table refused as
  select what, wanted, outcome.*
    from (values
      ('a view', $$'yard.a_view'$$, '42809'),
      ('a catalog', $$'pg_catalog.pg_class'$$, '42501'),
      ('a table of the extension', $$'tenancy.session'$$, '0A000'),
      ('a temporary table', $$'passing'$$, '0A000'),
      ('a sequence', $$'yard.granted_id_seq'$$, '42809'),
      ('an index', $$'yard.plain_pkey'$$, '42809'),
      ('a column that is not there', $$'yard.plain', 'tenant'$$, '42703'),
      ('a system column', $$'yard.plain', 'ctid'$$, '42703'),
      ('a column of another type', $$'yard.numeric_one'$$, '42804'),
      ('a column of a domain', $$'yard.domain_one'$$, '42804'),
      ('a column whose collation makes tenants equal', $$'yard.blind_one'$$, '42804'),
      ('somebody else''s table', $$'yard.foreign_one'$$, '42501'),
      ('a table that is not there', $$'yard.nothing'$$, '42P01'),
      ('an oid of nothing', $$4294967295::regclass$$, '42P01'),
      ('NULL', $$null$$, '22004'),
      ('a NULL column', $$'yard.plain', null$$, '22004'),
      ('access that is neither read nor write', $$'yard.plain', 'tenant_id', 'admin'$$, '22023'),
      ('NULL access', $$'yard.plain', 'tenant_id', null$$, '22023')
    ) as v (what, arguments, wanted),
    lateral tests.try('owner', format('select step from tenancy.protect(%s)', arguments)) outcome;
select is(code, wanted, what || ' is refused') from refused;
select is(count(*) filter (where hint = '' and code = wanted), 0::bigint, 'with a hint on what to do') from refused where wanted in ('42809', '42804', '42703');
select is(tests.sqlstate_of('owner', $$select step from tenancy.unprotect('yard.foreign_one')$$), '42501', 'unprotect refuses somebody else''s table');
select is(tests.sqlstate_of('owner', $$select step from tenancy.unprotect(null)$$), '22004', 'and NULL');

-- ---------------------------------------------------------------- a note that lies
select pg_temp.make('create table yard.trap (id int primary key, tenant_id bigint not null)');
select pg_temp.protect($$'yard.trap'$$);
select pg_temp.make($$comment on policy tenancy_tenant on yard.trap is 'Before: {"column": "tenant_id", "row_security": false, "forced": false,
  "default_set": false, "not_null_set": false, "index_made": false,
  "tenancy_user": ["select on yard.trap to public; alter role shop_owner createrole; grant select"], "tenancy_admin": []}'$$);
select count(*) from tenancy.unprotect('yard.trap');
select is((select rolcreaterole from pg_roles where rolname = 'shop_owner'), false,
  'a superuser who unprotects a table runs nothing that its owner wrote into the policy''s comment');

set client_min_messages = warning;
drop schema yard cascade;
select * from finish();
