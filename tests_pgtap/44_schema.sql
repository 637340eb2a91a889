-- protect_all() and unprotect_all(): a schema in one call, nothing half done; and partitions and children that come later.

select plan(46);
select tests.open('owner', 'shop_owner');
select tests.open('a', 'shop_gateway');
select tests.tell('owner', 'create schema town');
select tests.tell('owner', 'create schema elsewhere');
select tests.tell('owner', 'grant usage on schema town, elsewhere to tenancy_user, tenancy_admin');
create function pg_temp.make(definition text) returns text language sql as $$ select tests.tell('owner', definition) $$;
create function pg_temp.steps(call text) returns text[] language sql as $$ select tests.tell_all('owner', format('select concat_ws('' '', relation, step) from tenancy.%s', call)) $$;
create function pg_temp.shape() returns text language sql as
$$
  select string_agg(concat_ws(e'\n', c.oid::regclass, c.relrowsecurity, c.relforcerowsecurity,
    (select string_agg(x::text, ',' order by x::text) from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x),
    (select string_agg(p.polname || pg_get_expr(p.polqual, p.polrelid), ',' order by p.polname) from pg_policy p where p.polrelid = c.oid),
    (select string_agg(pg_get_constraintdef(k.oid), e'\n' order by k.conname) from pg_constraint k where k.conrelid = c.oid),
    (select string_agg(pg_get_indexdef(i.indexrelid), e'\n' order by i.indexrelid::regclass::text) from pg_index i where i.indrelid = c.oid),
    (select string_agg(concat(a.attname, ' ', a.attnotnull, ' ', pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum)
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0)),
    e'\n' order by c.oid::regclass::text)
  from pg_class c where c.relnamespace in ('town'::regnamespace, 'elsewhere'::regnamespace) and c.relkind in ('r', 'p')
$$;

select pg_temp.make('create table town.house (id serial primary key, tenant_id bigint, street text)');
select pg_temp.make('create table town."Room 1" (id int primary key, tenant_id bigint, house int references town.house on delete cascade)');
select pg_temp.make('create table town.log (id bigint generated always as identity, tenant_id bigint, at int not null) partition by range (at)');
select pg_temp.make('create table town.log_1 partition of town.log for values from (0) to (10)');
select pg_temp.make('create table elsewhere.log_2 partition of town.log for values from (10) to (20)');
select pg_temp.make('create table town.base (id int, tenant_id bigint default 5)');
select pg_temp.make('create table town.derived (extra text, tenant_id bigint not null default 6) inherits (town.base)');
select pg_temp.make('create table town.country (code text primary key)');
select pg_temp.make('create table town.account (id bigint primary key, tenant_id bigint not null, name text unique)');
select pg_temp.make('create view town.houses as select * from town.house');
select pg_temp.make('insert into town.house (tenant_id) values (1), (2)');
select pg_temp.make('insert into town."Room 1" values (1, 1, 1), (2, 2, 2)');
create temporary table shape_before as select pg_temp.shape() as shape;

create temporary table done as select * from unnest(pg_temp.steps($$protect_all('town', keys => true)$$)) as s (step);
select is((select array_agg(relation::text order by relation::text) from tenancy.protection where relation::text ~ '^(town|elsewhere)\.'),
  array['elsewhere.log_2', 'town."Room 1"', 'town.account', 'town.base', 'town.derived', 'town.house', 'town.log', 'town.log_1'],
  'every table with the tenant column is protected, partitions and children through their parents');
select ok('town.country left: no column tenant_id' in (select step from done), 'a table without it is listed');
select is((select count(*) from done where step like '%houses%'), 0::bigint, 'a view is not');
select is(pg_temp.steps($$protect_all('town', keys => true) where step not like 'left:%'$$), array['nothing to do'], 'again there is nothing to do');
select is(tests.sqlstate_as('a', 'ann', 'insert into town."Room 1" (id, house) values (3, 2)'), '23503', 'keys hold the tenants apart');
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'house_pkey'), 'PRIMARY KEY (tenant_id, id)', 'a key that was needed by a foreign key is changed with it');
select is((select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'town.derived'::regclass and adnum = (select attnum from pg_attribute where attrelid = 'town.derived'::regclass and attname = 'tenant_id')), '6'::text,
  'a child keeps a default of its own');
select is((select count(*) from pg_index where indrelid = 'town.derived'::regclass), 1::bigint, 'and has an index of its own');

-- A second call does not loosen what was said of one table.
select pg_temp.make($$select count(*) from tenancy.protect('town.account', access => 'read')$$);
select pg_temp.make($$select count(*) from tenancy.protect('town.country', reference => true)$$);
select is(pg_temp.steps($$protect_all('town')$$), array['nothing to do'], 'tables that are protected keep their options');
select is(has_table_privilege('tenancy_user', 'town.account', 'update'), false, 'a table for reading stays one');
drop policy tenancy_wall on town.house;
select is(pg_temp.steps($$protect_all('town')$$), array['town.house create policy'], 'what is missing is put back');

select pg_temp.steps($$unprotect_all('town')$$);
select is(pg_temp.shape(), shape, 'unprotect_all takes it all back') from shape_before;
select is(pg_temp.steps($$unprotect_all('town')$$), array['nothing to do'], 'once');

-- ---------------------------------------------------------------- a failure
select pg_temp.make('insert into town."Room 1" values (9, null, null)');
create temporary table failure as select * from tests.try('owner', $$select count(*) from tenancy.protect_all('town')$$);
select is(code, '23502', 'a failure keeps its SQLSTATE') from failure;
select matches(message, 'town."Room 1"', 'names the table') from failure;
select matches(hint, 'protect', 'keeps its hint') from failure;
select is(pg_temp.shape(), shape, 'and leaves nothing half done') from shape_before;
delete from town."Room 1" where id = 9;
select pg_temp.make('alter table town.account rename tenant_id to tenant');
select pg_temp.make('alter table town.account add tenant_id numeric');
select is(code || message, '42804column tenant_id of table town.account is of type numeric', 'a column of another type stops it too')
  from tests.try('owner', $$select count(*) from tenancy.protect_all('town')$$);
create table town.foreign_one (id int, tenant_id bigint);
select pg_temp.make('alter table town.account drop tenant_id');
select is(code, '42501', 'so does somebody else''s table') from tests.try('owner', $$select count(*) from tenancy.protect_all('town')$$);
select matches(message, 'town.foreign_one', 'which is named') from tests.try('owner', $$select count(*) from tenancy.protect_all('town')$$);
select is((select relrowsecurity from pg_class where oid = 'town.base'::regclass), false, 'and nothing has changed');

-- A superuser does tables of all owners, whatever the search_path.
select tests.open('root', 'shop_root', '-c search_path=');
select is(tests.sqlstate_of('root', $$select count(*) from tenancy.protect_all('town', keys => true)$$), '00000', 'a superuser protects them all');
select is((select relforcerowsecurity from pg_class where oid = 'town.foreign_one'::regclass), true, 'tables of every owner');
select lives_ok($$select count(*) from tenancy.unprotect_all('town')$$, 'and takes it back');
drop table town.foreign_one;

select is(code, wanted, what || ' is refused') from (values
    ('a catalog', $$'pg_catalog'$$, '42501'), ('the extension''s schema', $$'tenancy'$$, '42501'), ('a schema that is not there', $$'nowhere'$$, '3F000'),
    ('an oid of nothing', $$4294967295::regnamespace$$, '3F000'), ('NULL', 'null', '22004'), ('access that is neither', $$'town', access => 'all'$$, '22023')) v (what, arguments, wanted),
  lateral tests.try('owner', format('select count(*) from tenancy.protect_all(%s)', arguments)) t;
select is(tests.sqlstate_of('owner', 'select count(*) from tenancy.unprotect_all(null)'), '22004', 'unprotect_all refuses NULL');
select is(tests.sqlstate_of('a', $$select count(*) from tenancy.protect_all('town')$$), '42501', 'a gateway''s login may not call it');

-- ---------------------------------------------------------------- what comes later
select pg_temp.make($$select count(*) from tenancy.protect('town.log', access => 'read')$$);
select pg_temp.make('create table town.log_3 partition of town.log for values from (20) to (30) partition by range (at)');
select pg_temp.make('create table town.log_31 partition of town.log_3 for values from (20) to (25)');
select pg_temp.make('grant select, insert, truncate on town.log_31 to tenancy_user');
insert into town.log (tenant_id, at) values (1, 21), (2, 22);
select is(tests.tell_as('a', 'ann', 'select count(*) from town.log_31'), '2', 'a new partition by its own name shows the rows of all tenants');
create temporary table log_3_before as select pg_temp.shape() as shape;
select ok(tests.tell_all('owner', $$select step from tenancy.protect_like_parent('town.log_3')$$) @> array['create policy', 'force row security', 'rights'], 'protect_like_parent does what its parent has');
select is(tests.tell_as('a', 'ann', 'select count(*) from town.log_31'), '1', 'then it shows those of the tenant, at every level');
select table_privs_are('town', 'log_31', 'tenancy_user', array['SELECT'], 'and gives no more rights than its parent');
select is(tests.tell_all('owner', $$select step from tenancy.protect_like_parent('town.log_3')$$), array['nothing to do'], 'once');
select pg_temp.make($$select count(*) from tenancy.protect('town.log', access => 'read')$$);
select is(tests.tell_all('owner', $$select step from tenancy.protect('town.log', access => 'read')$$), array['nothing to do'], 'the parent agrees');
select pg_temp.make($$select count(*) from tenancy.unprotect('town.log_3')$$);
select is(pg_temp.shape(), shape, 'the way back of the partition alone') from log_3_before;
select pg_temp.make($$select count(*) from tenancy.unprotect('town.log')$$);
select pg_temp.make('create table town.child () inherits (town.house)');
select is(tests.sqlstate_of('owner', $$select step from tenancy.protect_like_parent('town.child')$$), '55000', 'a parent that is not protected is refused');
select pg_temp.make($$select count(*) from tenancy.protect('town.house', owner_column => 'id', shared => false)$$);
select is((select owner_column::text from tenancy.protection where relation = 'town.child'::regclass), 'id', 'options come down to children');

-- ---------------------------------------------------------------- trees of several owners, protected by a superuser
create schema mixed;
grant usage, create on schema mixed to shop_owner, shop_reporting;
create table mixed.base (id int, tenant_id bigint);
create table mixed.derived () inherits (mixed.base);
create table mixed.log (id int, tenant_id bigint) partition by range (id);
create table mixed.log_1 partition of mixed.log for values from (0) to (10);
alter table mixed.base owner to shop_owner;
alter table mixed.derived owner to shop_reporting;
alter table mixed.log owner to shop_owner;
alter table mixed.log_1 owner to shop_reporting;
insert into mixed.derived values (1, null), (2, null);
create function pg_temp.outcome(statement text, out code text, out message text, out hint text) language plpgsql as
$$
begin
  execute statement;
  code := '00000';
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text, hint = pg_exception_hint;
end
$$;
select is(message, 'column tenant_id of table mixed.base holds NULL in 2 rows', 'rows of a child of another owner are counted') from pg_temp.outcome($$select count(*) from tenancy.protect_all('mixed')$$);
delete from mixed.derived;
create temporary table mixed as select * from pg_temp.outcome($$select count(*) from tenancy.protect_all('mixed')$$);
select is(code || ' ' || hint, '55000 alter table mixed.log_1 owner to shop_owner', 'a partition of another owner is named, with the way out') from mixed;
select lives_ok(hint, 'which runs as it stands') from mixed;
select lives_ok($$select count(*) from tenancy.protect_all('mixed')$$, 'then the tree is protected');
select is((select count(*) from tenancy.protection where relation::text like 'mixed.%'), 4::bigint, 'every part of it');

set client_min_messages = warning;
drop schema mixed cascade;
drop schema town cascade;
drop schema elsewhere cascade;
select * from finish();
