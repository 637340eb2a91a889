-- Roles inside a tenant: what the context knows of the membership, policies that ask for it, and tenancy.restrict(),
-- which only ever takes away.

select plan(76);
select tests.open('a', 'shop_gateway');
select tests.open('b', 'shop_gateway');
select tests.open('own', 'shop_owner');
select tests.open('op', 'shop_operator');
select tests.open('rep', 'shop_reporting');

-- cyd is an owner in tenant 1, a viewer in 3, and has no role in 7.
alter table shop.membership alter role drop not null;
update shop.membership set role = 'owner' where user_id = 3 and tenant_id = 1;
update shop.membership set role = 'viewer' where user_id = 3 and tenant_id = 3;
update shop.membership set role = null where user_id = 3 and tenant_id = 7;
create function pg_temp.cyd_in(tenant text) returns text language plpgsql as
$$
declare
  token text := tests.token('cyd');
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L)', tests.tell('sign-in', format('select token from tenancy.choose_tenant(%L, %L)', token, tenant))));
  return tenant;
end
$$;
create function pg_temp.cyd_tells(tenant text, statement text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform pg_temp.cyd_in(tenant);
  answer := tests.tell('a', statement);
  perform tests.tell('a', 'rollback');
  return answer;
end
$$;
create function pg_temp.cyd_fails(tenant text, statement text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform pg_temp.cyd_in(tenant);
  answer := tests.sqlstate_of('a', statement);
  perform tests.tell('a', 'rollback');
  return answer;
end
$$;

-- ---------------------------------------------------------------- the readers
select is(pg_temp.cyd_tells('1', 'select tenancy.role()'), 'owner', 'the context knows the role in its tenant');
select is(pg_temp.cyd_tells('3', 'select tenancy.role()'), 'viewer', 'which is another one in another tenant');
select is(pg_temp.cyd_tells('7', 'select tenancy.role()'), null, 'and may be none');
select is(pg_temp.cyd_tells('1', $$select tenancy.has_role('viewer', 'owner')::text$$), 'true', 'has_role finds it in a list');
select is(pg_temp.cyd_tells('1', $$select tenancy.has_role('viewer')::text$$), 'false', 'or does not');
select is(pg_temp.cyd_tells('1', $$select tenancy.has_role('OWNER', 'own', 'owner ', null)::text$$), 'false', 'the name is taken as it is written');
select is(pg_temp.cyd_tells('1', $$select tenancy.has_role(variadic array['owner'])::text$$), 'true', 'an array serves as well');
select is(pg_temp.cyd_tells('1', $$select tenancy.has_role(variadic '{}')::text$$), 'false', 'an empty one holds nobody');
select is(pg_temp.cyd_tells('1', $$select tenancy.has_role(variadic null)::text$$), null, 'NULL is no list');
select is(pg_temp.cyd_tells('7', $$select tenancy.has_role('owner')::text$$), null, 'without a role it is NULL');
select is(pg_temp.cyd_tells('7', $$select coalesce((not tenancy.has_role('viewer'))::text, 'closed')$$), 'closed', 'so that a policy that negates it stays closed');
select is(tests.tell('rep', 'select coalesce(tenancy.role(), ''none'')'), 'none', 'without a context there is none');
select is(tests.tell_as('a', 'eve', 'select coalesce(tenancy.role(), ''none'')'), 'none', 'an admin who sees all has none');
select is(pg_temp.cyd_tells('3', $$select tenancy.whoami() ->> 'tenant_role'$$), 'viewer', 'whoami tells it');
select is(pg_temp.cyd_fails('3', $$set local tenancy.role = owner$$), '42501', 'nobody gives himself another one');
select is(pg_temp.cyd_fails('3', $$select set_config('tenancy.role', 'owner', true)$$), '42501', 'by no way');
select is(pg_temp.cyd_fails('3', $$set local tenancy.all_roles = on$$), '42501', 'nor all of them');
select tests.tell('rep', 'begin');
select is(tests.sqlstate_inside('rep', 'set local tenancy.role = owner'), '42501', 'without a context neither');
select tests.tell('rep', 'rollback');
select is((select string_agg(concat_ws(' ', proname, provolatile, proleakproof, proparallel), ', ' order by proname) from pg_proc where pronamespace = 'tenancy'::regnamespace and proname in ('role', 'has_role')),
  'has_role s t s, role s t s', 'both are STABLE LEAKPROOF PARALLEL SAFE');

-- ---------------------------------------------------------------- restrict
select tests.tell_all('own', $$select statement from tenancy.restrict('shop.patient', 'write', array['owner', 'editor'])$$);
select is((select string_agg(concat_ws(' ', policy, command, permissive, roles, using_expression is not null, check_expression is not null), '; ' order by policy) from tenancy.policies where policy::text like 'tenancy_restrict%'),
  'tenancy_restrict_delete delete f {public} t f; tenancy_restrict_insert insert f {public} f t; tenancy_restrict_update update f {public} t t',
  'the owner of the table restricts it: three policies, restrictive, for everybody');
select is(pg_temp.cyd_tells('1', 'update shop.patient set note = note'), 'UPDATE 5', 'who has the role writes');
select is(pg_temp.cyd_tells('1', $$insert into shop.patient (name) values ('new')$$), 'INSERT 0 1', 'inserts');
select is(pg_temp.cyd_tells('1', $$delete from shop.patient where name = 'patient 1 of tenant 1'$$), 'DELETE 1', 'and deletes');
select is(pg_temp.cyd_tells('3', 'select count(*) from shop.patient'), '5', 'a viewer sees the tenant''s rows');
select is(pg_temp.cyd_tells('3', 'update shop.patient set note = ''changed'''), 'UPDATE 0', 'and changes none');
select is(pg_temp.cyd_tells('3', 'delete from shop.patient'), 'DELETE 0', 'deletes none');
select is(pg_temp.cyd_fails('3', $$insert into shop.patient (name) values ('new')$$), '42501', 'inserts none');
select is(pg_temp.cyd_fails('3', $$merge into shop.patient p using (values (0)) v (id) on p.id = v.id when not matched then insert (name) values ('new')$$), '42501', 'nor by MERGE');
select is(pg_temp.cyd_tells('3', 'select count(*) from (select id from shop.patient for update) p'), '0', 'nor locks them for it');
select is(pg_temp.cyd_tells('7', 'update shop.patient set note = ''changed'''), 'UPDATE 0', 'who has no role is restricted');
select is(pg_temp.cyd_fails('7', $$insert into shop.patient (name) values ('new')$$), '42501', 'in all of it');
select is(tests.sqlstate_as('a', 'ann', $$insert into shop.patient (name) values ('new')$$), '42501', 'a role that is not in the list is');
select tests.begin_as('a', 'eve');
select is(tests.tell('a', 'update shop.patient set note = note'), 'UPDATE 1500', 'a bypass is not');
select tests.tell('a', 'rollback');
-- A view and a function of the owner lend nothing.
select tests.tell('own', 'create view shop.patients_of_owner as select * from shop.patient');
select tests.tell('own', 'grant select, update on shop.patients_of_owner to tenancy_user');
select is(pg_temp.cyd_tells('3', 'update shop.patients_of_owner set note = ''changed'''), 'UPDATE 0', 'through a view of the table''s owner a viewer changes nothing either');
select is(pg_temp.cyd_tells('1', 'update shop.patients_of_owner set note = note'), 'UPDATE 5', 'and an owner the tenant''s rows');
select tests.tell('own', 'drop view shop.patients_of_owner');

-- Never more: with every role the rows are the tenant's.
select is(pg_temp.cyd_tells('1', 'update shop.patient set note = note where tenant_id <> 1'), 'UPDATE 0', 'the role opens no row of another tenant');
select is(pg_temp.cyd_fails('1', 'update shop.patient set tenant_id = 2'), '42501', 'and lets none be given away');
select is(pg_temp.cyd_tells('1', 'select count(*) from shop.patient where tenant_id <> 1'), '0', 'nor be seen');

-- A role that changes.
update shop.membership set role = 'owner' where user_id = 3 and tenant_id = 3;
select is(pg_temp.cyd_tells('3', 'update shop.patient set note = note'), 'UPDATE 5', 'another role counts from the next transaction on');
select tests.tell('sign-in', format('select token from tenancy.choose_tenant(%L, ''3'')', tests.token('cyd'))) as token \gset
select tests.tell('b', 'begin');
select tests.tell('b', format('select tenancy.attach(%L)', :'token'));
update shop.membership set role = 'viewer' where user_id = 3 and tenant_id = 3;
select is(tests.tell('b', 'select tenancy.role()'), 'owner', 'the transaction that is running keeps its own');
select tests.tell('b', 'rollback');
select tests.tell('b', 'begin');
select tests.tell('b', format('select tenancy.attach(%L)', :'token'));
select is(tests.tell('b', 'select tenancy.role()'), 'viewer', 'the next of the same session has the new one');
select tests.tell('b', 'rollback');
-- Under tenancy.membership_cache the window holds for the role too.
alter database :"DBNAME" set tenancy.membership_cache = '15min';
select tests.open('b', 'shop_gateway');
alter database :"DBNAME" reset tenancy.membership_cache;
select tests.tell('b', 'begin');
select tests.tell('b', format('select tenancy.attach(%L)', :'token'));
select is(tests.tell('b', 'select tenancy.role()'), 'viewer', 'with membership_cache the role is asked');
select tests.tell('b', 'rollback');
update shop.membership set role = 'owner' where user_id = 3 and tenant_id = 3;
select tests.tell('b', 'begin');
select tests.tell('b', format('select tenancy.attach(%L)', :'token'));
select is(tests.tell('b', 'select tenancy.role()'), 'viewer', 'and kept for the window');
select tests.tell('b', 'rollback');
update shop.membership set role = 'viewer' where user_id = 3 and tenant_id = 3;
select tests.open('b', 'shop_gateway');

-- Operators: the user's own role, and jobs with the one they ask for.
select tests.tell('op', 'begin');
select tests.tell('op', $$select tenancy.act_as('3', '3', 'ticket', false)$$);
select is(tests.tell('op', 'update shop.patient set note = ''changed'''), 'UPDATE 0', 'who acts as a viewer is one');
select tests.tell('op', 'rollback');
create function pg_temp.job(arguments text) returns text language sql as
$$ select string_agg(concat_ws(':', tenant_id, rows, sqlstate), ' ')
     from dblink('op', 'select * from tenancy.for_each_tenant(' || arguments || ')') as a (tenant_id text, rows bigint, sqlstate text, error text) $$;
select is(pg_temp.job($$'update shop.patient set note = note', 'x', '{3}'$$), '3:0', 'a job without a role is restricted');
select is(pg_temp.job($$'update shop.patient set note = note', 'x', '{3}', 'editor'$$), '3:5', 'one with a role is not');
select is(pg_temp.job($$'select tenancy.role() where tenancy.role() is null', 'x', '{3}'$$), '3:1', 'the role of one job is not left for the next');

-- The same user twice in a tenant.
select tests.tell('own', $$create or replace view shop.memberships as
  select m.user_id, m.tenant_id, t.name as tenant_name, m.role from shop.membership m join shop.tenant t on t.id = m.tenant_id
  union all select 3, 1, 'tenant 1', 'viewer'$$);
select is(pg_temp.cyd_tells('1', 'select coalesce(tenancy.role(), ''none'')'), 'none', 'memberships that disagree give no role');
select is(pg_temp.cyd_tells('1', 'update shop.patient set note = note'), 'UPDATE 0', 'and with it no right');
select tests.tell('own', $$create or replace view shop.memberships as
  select m.user_id, m.tenant_id, t.name as tenant_name, m.role from shop.membership m join shop.tenant t on t.id = m.tenant_id$$);
select tests.tell('own', 'drop view shop.memberships');
select tests.tell('own', 'create view shop.memberships as select m.user_id, m.tenant_id, t.name as tenant_name from shop.membership m join shop.tenant t on t.id = m.tenant_id');
select tests.tell('own', $$select tenancy.use_directory('shop.accounts', 'shop.memberships')$$);
select is(pg_temp.cyd_tells('1', 'select coalesce(tenancy.role(), ''none'')'), 'none', 'a directory without roles gives none');
select tests.tell('own', 'drop view shop.memberships');
select tests.tell('own', $$create view shop.memberships as
  select m.user_id, m.tenant_id, t.name as tenant_name, m.role from shop.membership m join shop.tenant t on t.id = m.tenant_id$$);
select tests.tell('own', $$select tenancy.use_directory('shop.accounts', 'shop.memberships')$$);
select is(pg_temp.cyd_tells('1', 'select tenancy.role()'), 'owner', 'and one that has them gives them');

-- ---------------------------------------------------------------- what else looks at policies
select is_empty($$select rule, object from tenancy.check() where object ~ 'tenancy_restrict' or (object ~ 'shop.patient' and rule ~ 'polic')$$, 'no rule of the check finds fault with it');
select is_empty($$select line from tenancy.isolation_tests('shop') line where line ~ '^not ok'$$, 'the isolation suite is green with it');
select pg_temp.cyd_in('3');
select matches(tests.tell('a', $$select string_agg(w::text, ' ') from tenancy.why_write('shop.patient', '{"name": "new"}') w$$), 'tenancy_restrict_insert', 'why_write names the policy');
select tests.tell('a', 'rollback');
select is((select bool_and(made_by_protect) from tenancy.policies where policy::text like 'tenancy_restrict%'), true, 'tenancy.policies marks it as ours');
select is(tests.tell_all('own', $$select step from tenancy.protect('shop.patient')$$), '{"nothing to do"}', 'protect() lets it be');

-- ---------------------------------------------------------------- again, and back
select is(tests.tell_all('own', $$select step from tenancy.restrict('shop.patient', 'insert', array['viewer'])$$), '{"drop policy","create policy"}', 'the same command again has other roles');
select is(pg_temp.cyd_tells('3', $$insert into shop.patient (name) values ('new')$$), 'INSERT 0 1', 'which then count');
select is(pg_temp.cyd_fails('1', $$insert into shop.patient (name) values ('new')$$), '42501', 'and no longer the former');
select is(cardinality(tests.tell_all('own', $$select step from tenancy.unrestrict('shop.patient', 'write')$$)), 3, 'unrestrict takes it back');
select is(tests.tell_all('own', $$select step from tenancy.unrestrict('shop.patient', 'write')$$), '{"nothing to do"}', 'once');
select is(pg_temp.cyd_tells('3', 'update shop.patient set note = note'), 'UPDATE 5', 'and a viewer writes again');
begin;
select count(*) from tenancy.restrict('shop.patient', 'all', array['it''s "x"']);
select is((select check_expression from tenancy.policies where policy = 'tenancy_restrict_all'), $$(tenancy.bypassing() OR tenancy.has_role(VARIADIC '{"it''s \"x\""}'::text[]))$$, 'a name with quotes is a name');
select count(*) from tenancy.unprotect('shop.patient');
select is_empty($$select policy from tenancy.policies where table_name = 'shop.patient'::regclass$$, 'unprotect leaves none behind');
rollback;
begin;
create table shop.part (id int, tenant_id bigint not null, primary key (tenant_id, id)) partition by list (tenant_id);
create table shop.part_1 partition of shop.part for values in (1);
alter table shop.part owner to shop_owner;
select count(*) from tenancy.protect('shop.part');
select count(*) from tenancy.restrict('shop.part', 'delete', array['owner']);
select set_eq($$select table_name::text from tenancy.policies where policy = 'tenancy_restrict_delete'$$, array['shop.part', 'shop.part_1'], 'partitions are restricted too');
rollback;

-- ---------------------------------------------------------------- bad input
select throws_ok($$select tenancy.restrict(null, 'write', array['owner'])$$, '22004', null, 'no table is refused');
select throws_ok($$select tenancy.restrict('shop.patient', null, array['owner'])$$, '22004', null, 'no command is');
select throws_ok($$select tenancy.restrict('shop.patient', 'truncate', array['owner'])$$, '22023', null, 'another command is');
select throws_ok($$select tenancy.restrict('shop.patient', 'write', null)$$, '22023', null, 'no roles are');
select throws_ok($$select tenancy.restrict('shop.patient', 'write', '{}')$$, '22023', null, 'an empty list is: nobody could write');
select throws_ok($$select tenancy.restrict('shop.patient', 'write', array['owner', null])$$, '22023', null, 'NULL is no name');
select throws_ok($$select tenancy.restrict('shop.patient', 'write', array[repeat('x', 10240)])$$, '22023', null, 'a name of 10 kB is none');
select throws_ok($$select tenancy.restrict('shop.account', 'write', array['owner'])$$, '55000', null, 'a table that is not protected is refused');
select throws_ok($$select tenancy.restrict('shop.accounts', 'write', array['owner'])$$, '42809', null, 'a view is');
select is(tests.sqlstate_of('op', $$select tenancy.restrict('shop.patient', 'write', array['owner'])$$), '42501', 'an operator restricts no table');
select is(pg_temp.cyd_fails('1', $$select tenancy.unrestrict('shop.patient', 'write')$$), '42501', 'a tenant takes no restriction back');

update shop.membership set role = 'member';
alter table shop.membership alter role set not null;
select * from finish();
