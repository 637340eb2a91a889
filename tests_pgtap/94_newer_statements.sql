-- Statements and columns that later versions of PostgreSQL have: a tenant stays in its rows with them, and protect() and the
-- rules cope with them.

select current_setting('server_version_num')::int >= 170000 as has_17, current_setting('server_version_num')::int >= 180000 as has_18 \gset
select plan(3 + case when :'has_17' then 7 else 0 end + case when :'has_18' then 16 else 0 end);
select tests.open('a', 'shop_gateway');
select tests.open('owner', 'shop_owner');
create function pg_temp.make(statement text) returns text language sql as $$ select tests.tell('owner', statement) $$;
select pg_temp.make('create schema newer');
select pg_temp.make('grant usage on schema newer to tenancy_user, tenancy_admin');
select pg_temp.make('create table newer.bill (id int primary key, tenant_id bigint, amount int not null)');
select pg_temp.make('insert into newer.bill values (1, 1, 10), (2, 2, 20)');
select pg_temp.make('select count(*) from tenancy.protect(''newer.bill'')');

-- ---------------------------------------------------------------- MERGE
select is(tests.sqlstate_as('a', 'ann', $$merge into newer.bill b using (values (2)) v (id) on b.id = v.id
  when matched then delete when not matched then insert (id, tenant_id, amount) values (v.id, 2, 0)$$), '42501', 'MERGE makes no row of another tenant');
select is(tests.tell_as('a', 'ann', 'merge into newer.bill b using (values (2)) v (id) on b.id = v.id when matched then update set amount = 0'), 'MERGE 0', 'nor does it find one');
select is((select array_agg(amount order by id) from newer.bill), array[10, 20], 'no row was changed');
\if :has_17
select tests.begin_as('a', 'ann');
select is(tests.tell_all('a', 'merge into newer.bill b using (values (0)) v (id) on b.id = v.id when not matched by source then update set amount = amount + 1 returning b.id::text'),
  array['1'], 'rows that the source does not match are one''s own, and so are those that RETURNING tells');
select is(tests.sqlstate_inside('a', 'merge into newer.bill b using (values (0)) v (id) on b.id = v.id when not matched by source then update set tenant_id = 2'), '42501', 'and none is given away');
select is(tests.sqlstate_inside('a', 'copy newer.bill from stdin with (on_error ignore)'), '0A000', 'COPY FROM does not pass policies, whatever it does with errors');
select tests.tell('a', 'commit');
select is((select array_agg(amount order by id) from newer.bill), array[11, 20], 'the other tenant''s row is as it was');
-- GRANT ALL has one right more.
select pg_temp.make('create table newer.all_granted (id int primary key, tenant_id bigint)');
select pg_temp.make('grant all on newer.all_granted to tenancy_user');
select ok(has_table_privilege('tenancy_user', 'newer.all_granted', 'maintain'), 'GRANT ALL gives MAINTAIN');
select pg_temp.make('select count(*) from tenancy.protect(''newer.all_granted'')');
select ok(not has_table_privilege('tenancy_user', 'newer.all_granted', 'maintain'), 'which protect() takes');
select is(tests.sqlstate_of('a', 'set role tenancy_user; reindex table newer.all_granted'), '42501', 'so that tenants may not reindex');
select tests.tell('a', 'reset role');
\endif

\if :has_18
-- ---------------------------------------------------------------- RETURNING old
select is(tests.sqlstate_as('a', 'ann', 'insert into newer.bill (id, amount) values (2, 0) on conflict (id) do update set amount = 1 returning old.amount'), '42501',
  'the old row of another tenant is not returned where an INSERT meets it');
select is(tests.tell_as('a', 'ann', 'update newer.bill set amount = 12 returning old.amount || '' '' || new.amount'), '11 12', 'one''s own is');

-- ---------------------------------------------------------------- virtual columns
select pg_temp.make('create table newer.virtual (id int primary key, tenant_id bigint, twice int generated always as (id * 2))');
select pg_temp.make('insert into newer.virtual values (1, 1), (2, 2)');
select pg_temp.make('select count(*) from tenancy.protect(''newer.virtual'')');
select is(tests.tell_as('a', 'ann', 'select string_agg(twice::text, '','') from newer.virtual'), '2', 'a virtual column shows what is computed from one''s own rows');
select is(tests.tell_as('a', 'ann', 'insert into newer.virtual (id) values (3) returning twice'), '6', 'and is there for a new one');
select is((select array_agg(line) from tenancy.isolation_tests() line where line ~ '^not ok.*newer'), null, 'the isolation suite is green on all of these');
select pg_temp.make('create table newer.computed (id int primary key, tenant_id bigint generated always as (id % 2 + 1))');
select isnt(tests.sqlstate_of('owner', 'select count(*) from tenancy.protect(''newer.computed'')'), '00000', 'a tenant that is computed is not to be protected by');

-- ---------------------------------------------------------------- NOT NULL that is not validated
select pg_temp.make('create table newer.unchecked (id int primary key, tenant_id bigint)');
select pg_temp.make('insert into newer.unchecked values (1, null)');
select pg_temp.make('alter table newer.unchecked add constraint filled not null tenant_id not valid');
select is((select code from tests.try('owner', 'select count(*) from tenancy.protect(''newer.unchecked'')')), '23502', 'rows without a tenant are told though the column says NOT NULL');
update newer.unchecked set tenant_id = 1;
select is(tests.sqlstate_of('owner', 'select count(*) from tenancy.protect(''newer.unchecked'')'), '00000', 'with a tenant in each it is protected');
select ok(convalidated, 'and the constraint is valid') from pg_constraint where conname = 'filled';

-- ---------------------------------------------------------------- foreign keys that are not enforced
select pg_temp.make('create table newer.line (id int primary key, tenant_id bigint, bill_id int constraint told references newer.bill not enforced)');
select pg_temp.make('insert into newer.line values (1, 1, 2)');
select is(tests.sqlstate_of('owner', 'select count(*) from tenancy.protect(''newer.line'', keys => true)'), '00000', 'a table with a key that is not enforced is protected, with its keys');
select matches(pg_get_constraintdef(oid), 'NOT ENFORCED', 'which stays not enforced') from pg_constraint where conname = 'told';

-- ---------------------------------------------------------------- keys of periods
create extension if not exists btree_gist;
select pg_temp.make('create table newer.stay (id int, tenant_id bigint, during daterange, constraint stay_key primary key (id, during without overlaps))');
select pg_temp.make('create table newer.meal (id int primary key, tenant_id bigint, stay_id int, during daterange, constraint meal_stay foreign key (stay_id, period during) references newer.stay (id, period during))');
select is(tests.sqlstate_of('owner', 'select count(*) from tenancy.protect(''newer.stay'', keys => true)'), '00000', 'a table with a key of a period is protected, with its keys');
select is(array(select step from dblink('owner', 'select step from tenancy.protect(''newer.meal'', keys => true)') as p (step text) where step like 'left:%'),
  array['left: foreign key meal_stay, it refers to a period'], 'what refers to a period is left, and told');
select matches(pg_get_constraintdef(oid), '^PRIMARY KEY .(tenant_id, )?id, during WITHOUT OVERLAPS', 'it is a key of a period still') from pg_constraint where conname = 'stay_key';
select matches(pg_get_constraintdef(oid), 'PERIOD during', 'and so is what refers to it') from pg_constraint where conname = 'meal_stay';
select is(tests.sqlstate_as('a', 'ann', $$insert into newer.stay (id, during) values (1, '[2026-01-01,2026-01-02)')$$), '00000', 'a tenant writes there');
\endif

select pg_temp.make('drop schema newer cascade');
select * from finish();
