-- The sealed transaction: statements and functions that touch no row but reach past the tenant, each refused inside a
-- context; the ones an application needs, each let through.

select plan(226);
select tests.open('a', 'shop_gateway');
select tests.open('owner', 'shop_owner');
-- What a careless application could have left behind for its tenants to use.
create schema shed;
grant all on schema shed to public;
create table shed.open (id int);
grant all on shed.open to public;
create function shed.harmless() returns int language sql as 'select 1';
create procedure shed.proceeds() language plpgsql as $$ begin perform 1; end $$;

create temporary table refused (statement text);
insert into refused values
  -- locks, channels, sessions
  ('lock table shop.patient'), ('lock table shop.patient in access share mode nowait'), ('listen gossip'), ('unlisten *'), ('notify gossip'), ('notify gossip, ''x'''),
  ('discard plans'), ('discard temp'), ('discard sequences'), ('load ''auto_explain'''),
  ('prepare kept as select 1'), ('deallocate all'), ('deallocate prepare kept'),
  -- a programming environment
  ('do $$begin end$$'), ('create function pg_temp.f() returns int language sql as ''select 1'''), ('create function shed.f() returns int language sql as ''select 1'''),
  ('create procedure pg_temp.p() language sql as ''select 1'''), ('create or replace function shed.harmless() returns int language sql as ''select 2'''),
  ('alter function shed.harmless() security definer'), ('create language sql'), ('create aggregate pg_temp.a(int) (sfunc = int4pl, stype = int)'),
  ('create operator shed.=== (leftarg = int, rightarg = int, function = int4eq)'), ('create cast (int as text) with inout'),
  ('create trigger t before insert on shed.open for each row execute function tenancy.directory_changed()'), ('create rule r as on insert to shed.open do nothing'),
  ('create event trigger t on ddl_command_start execute function tenancy.directory_changed()'),
  -- objects, temporary ones too
  ('create temporary table kept (x int)'), ('create temp table kept as select * from shop.patient'), ('select * into temp kept from shop.patient'), ('select * into shed.kept from shop.patient'),
  ('create table shed.kept as select * from shop.patient'), ('create table shed.kept (x int)'), ('create table as_mine (like shop.patient)'), ('create unlogged table shed.kept (x int)'),
  ('create materialized view shed.kept as select * from shop.patient'), ('refresh materialized view shed.kept'), ('create view shed.v as select 1'), ('create temp view v as select 1'),
  ('create temp sequence s'), ('create type shed.t as (x int)'), ('create domain pg_temp.text as pg_catalog.text'), ('create schema mine'), ('create extension hstore'), ('create statistics shed.s on id, id from shed.open'),
  ('create collation shed.c from "C"'), ('create foreign data wrapper w'), ('create server s foreign data wrapper w'), ('create user mapping for current_user server s'), ('create publication p'), ('create subscription s connection '''' publication p'),
  ('alter table shed.open add y int'), ('alter table shop.patient no force row level security'), ('alter schema shed rename to gone'), ('alter database postgres set search_path = x'), ('alter system set work_mem = ''1GB'''),
  ('alter default privileges grant select on tables to public'), ('drop table shed.open'), ('drop owned by current_user'), ('drop function shed.harmless()'), ('drop schema shed cascade'),
  ('comment on table shed.open is ''x'''), ('security label on table shed.open is ''x'''), ('grant select on shed.open to public'), ('revoke select on shed.open from public'), ('grant tenancy_admin to shop_gateway'),
  ('create role r'), ('alter role shop_gateway password ''x'''), ('alter role shop_gateway set work_mem = ''1GB'''), ('drop role shop_gateway'), ('create policy p on shed.open using (true)'),
  -- maintenance
  ('truncate shed.open'), ('truncate shop.patient'), ('analyze shop.patient'), ('cluster shop.patient'), ('reindex table shop.patient'), ('checkpoint'),
  -- files and programs
  ('copy shop.patient to ''/tmp/x'''), ('copy shop.patient to program ''cat'''), ('copy shed.open from ''/etc/passwd'''), ('copy shed.open from program ''id'''), ('copy (select 1) to ''/tmp/x'''),
  -- counts of hidden rows
  ('explain analyze select * from shop.patient'), ('explain (analyze) select * from shop.patient'), ('explain (analyze on, timing off) delete from shop.patient'), ('explain (analyze true, analyze false) select 1'), ('explain (verbose, analyze 1) select 1'),
  -- estimates made from everybody's rows
  ('explain select 1'), ('explain (costs on) select * from shop.patient'), ('explain (verbose) select 1'), ('explain (costs off, costs on) select 1'),
  -- settings
  ('set work_mem = ''1GB'''), ('set local work_mem = ''1GB'''), ('set statement_timeout = 0'), ('set local statement_timeout = 0'), ('set local lock_timeout = 0'), ('set local idle_in_transaction_session_timeout = 0'),
  ('set local enable_indexscan = off'), ('set local session_replication_role = replica'), ('set local plan_cache_mode = force_custom_plan'), ('set local default_transaction_read_only = off'), ('set local jit = on'), ('set local temp_file_limit = -1'),
  ('set search_path = shed'), ('set session search_path = shed'), ('set timezone = ''UTC'''), ('set application_name = ''x'''), ('set my.own = ''x'''), ('set names ''UTF8'''), ('set time zone ''UTC'''), ('set session characteristics as transaction read only'),
  ('reset search_path'), ('reset all'), ('reset session authorization'), ('set local tenancy.on_missing_context = empty'), ('set local tenancy.seal = off'), ('set local "Tenancy.Seal" = off'), ('set local tenancy.session_idle_timeout = 0'),
  -- two-phase commit
  ('prepare transaction ''x'''), ('declare c cursor with hold for select 1'),
  -- functions
  ('select set_config(''search_path'', ''shed'', true)'), ('select set_config(''statement_timeout'', ''0'', false)'),
  ('select pg_advisory_lock(1)'), ('select pg_advisory_lock(1, 2)'), ('select pg_advisory_lock_shared(1)'), ('select pg_try_advisory_lock(1)'), ('select pg_try_advisory_lock_shared(1, 2)'), ('select pg_advisory_xact_lock(1)'),
  ('select pg_try_advisory_xact_lock(1)'), ('select pg_advisory_xact_lock_shared(1)'), ('select pg_advisory_unlock(1)'), ('select pg_advisory_unlock_all()'),
  ('select pg_notify(''gossip'', ''x'')'), ('select pg_terminate_backend(pg_backend_pid())'), ('select pg_cancel_backend(1)'),
  ('select count(*) from pg_stat_activity'), ('select pg_stat_get_activity(null)::text'), ('select pg_stat_get_backend_activity(1)'), ('select count(*) from pg_stat_ssl'),
  ('select lo_create(0)'), ('select lo_creat(-1)'), ('select lo_from_bytea(0, ''x'')'), ('select lo_open(1, 262144)'), ('select lo_unlink(1)'), ('select lo_put(1, 0, ''x'')'), ('select lo_get(1)'), ('select lo_import(''/etc/passwd'')'), ('select lo_export(1, ''/tmp/x'')'),
  ('select pg_logical_emit_message(false, ''a'', ''b'')'), ('select pg_logical_emit_message(true, ''a'', ''b''::bytea)'),
  ('select idx_tup_read from pg_stat_user_indexes'), ('select n_live_tup from pg_stat_user_tables'), ('select seq_tup_read from pg_stat_xact_user_tables'), ('select heap_blks_read from pg_statio_user_tables'),
  ('select tup_fetched from pg_stat_database'),
  -- hidden inside others
  ('select query_to_xml(''select pg_advisory_lock(1)'', true, true, '''')'), ('select count(*) from shop.patient where pg_try_advisory_xact_lock(id)'), ('select (select pg_notify(''x'', ''y'') where true)::text'),
  ('values (pg_try_advisory_lock(1))'), ('update shed.open set id = (select 1 where pg_try_advisory_lock(1))'), ('insert into shed.open select lo_creat(-1)::int'), ('execute remembered');

grant execute on function lo_import(text), lo_export(oid, text) to tenancy_user; -- superusers' alone by default
select tests.tell('a', 'prepare remembered as select pg_try_advisory_lock(1)');
select tests.begin_as('a', 'ann');
-- By its message, so that a missing right does not pass for the seal.
create function pg_temp.refused_by(statement text) returns text language plpgsql as
$$
declare
  outcome record;
begin
  perform tests.tell('a', 'savepoint before_try');
  outcome := tests.try('a', statement);
  perform tests.tell('a', 'rollback to savepoint before_try');
  return case when outcome.code = '42501' and outcome.message like '% is refused while a tenant context is set' then 'the seal' else outcome.code || ' ' || outcome.message end;
end
$$;
select is(pg_temp.refused_by(statement), 'the seal', statement) from refused;
revoke execute on function lo_import(text), lo_export(oid, text) from tenancy_user;
select is(tests.tell('a', 'select count(*) from shop.patient'), '5', 'after all refusals the transaction goes on');
select tests.tell('a', 'rollback');

-- A refusal tells what, why and the way out, and no SQL.
select tests.begin_as('a', 'ann');
select tests.tell('a', 'savepoint s');
select is(concat_ws('|', code, message, detail <> '', hint <> ''), '42501|LOCK TABLE is refused while a tenant context is set|t|t', 'a refusal tells what, why and the way out')
  from tests.try('a', 'lock table shop.patient');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- what must pass
create temporary table passes (statement text);
insert into passes values
  ('select 1'), ('values (1)'), ('with p as (select 1) select * from p'), ('select id from shop.patient for update'),
  ('insert into shop.patient (name) values (''x'')'), ('update shop.patient set note = ''x'''), ('delete from shop.patient'),
  ('merge into shop.patient p using (values (1)) v (x) on false when not matched then insert (name) values (''x'')'),
  ('savepoint p'), ('explain (costs off) select 1'), ('explain (costs off, verbose) select * from shop.patient'), ('explain (analyze off, costs false) select 1'),
  ('declare c cursor for select 1'), ('declare c scroll cursor for select 1; fetch 1 from c; move 1 in c; close c'), ('close all'),
  ('set local search_path = shop'), ('set local timezone = ''UTC'''), ('set local time zone ''UTC'''), ('set local datestyle = iso'), ('set local client_min_messages = warning'), ('set local application_name = ''x'''),
  ('set local my.own = ''x'''), ('set transaction read only'), ('set transaction isolation level read committed'), ('set constraints all deferred'),
  ('show search_path'), ('show tenancy.tenant_id'), ('call shed.proceeds()'), ('select shed.harmless()'), ('select current_setting(''search_path'')'),
  ('select now()'), ('select pg_backend_pid()'), ('select gen_random_uuid()'), ('select to_jsonb(t) from (select 1) t'), ('execute harmless'), ('insert into shed.open values (1)');
select tests.tell('a', 'prepare harmless as select 1');
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', statement), '00000', statement || ' passes') from passes;
select tests.tell('a', 'commit');
select is(tests.tell('a', 'show search_path'), '"$user", public', 'what SET LOCAL changed is over with the transaction');

-- A SECURITY DEFINER function is the application's own code: the seal does not look into it.
create function shed.as_definer() returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin perform pg_advisory_xact_lock(4711); end $$;
select is(tests.sqlstate_as('a', 'ann', 'select shed.as_definer()'), '00000', 'a SECURITY DEFINER function may do inside what its tenant may not');
create function shed.as_invoker() returns void language plpgsql as $$ begin perform pg_advisory_xact_lock(4711); end $$;
select is(tests.sqlstate_as('a', 'ann', 'select shed.as_invoker()'), '42501', 'any other function may not');
create function shed.dynamic() returns void language plpgsql as $$ begin execute 'listen gossip'; end $$;
select is(tests.sqlstate_as('a', 'ann', 'select shed.dynamic()'), '42501', 'nor may one that builds its statement');

-- An admin's transaction is sealed as well.
select is(tests.sqlstate_as('a', 'eve', 'listen gossip'), '42501', 'a bypass context is sealed too');
-- Outside a context nothing is.
select is(tests.sqlstate_of('a', statement), '00000', statement || ' works without a context')
  from unnest(array['listen gossip', 'unlisten *', 'set work_mem = ''1MB''', 'select pg_try_advisory_lock(1)', 'select pg_advisory_unlock(1)', 'do $$begin end$$',
                    'create temporary table kept (x int)', 'drop table kept', 'reset all', 'deallocate all', 'explain analyze select 1']) statement;

-- ---------------------------------------------------------------- why counters and EXPLAIN ANALYZE are refused
-- The oracle, with the seal off: a value that only another tenant has moves the index's counter; one that nobody has does not.
select tests.tell('owner', format('alter database %I set tenancy.seal = off', current_database()));
select tests.open('unsealed', 'shop_gateway');
create function pg_temp.moved(name text) returns bigint language plpgsql as
$$
declare
  before bigint;
  after bigint;
begin
  perform tests.begin_as('unsealed', 'ann');
  before := tests.tell('unsealed', $q$select pg_stat_get_xact_tuples_returned('shop.patient_name_idx'::regclass)$q$);
  if tests.tell('unsealed', format('select count(*) from shop.patient where name = %L', name)) <> '0' then
    raise exception 'a row of another tenant was seen';
  end if;
  after := tests.tell('unsealed', $q$select pg_stat_get_xact_tuples_returned('shop.patient_name_idx'::regclass)$q$);
  perform tests.tell('unsealed', 'rollback');
  return after - before;
end
$$;
select cmp_ok(pg_temp.moved('patient 1 of tenant 2'), '>', pg_temp.moved('patient 1 of tenant 9999'),
  'with the seal off an index''s counter tells whether any tenant has a patient of this name');
select tests.tell('owner', format('alter database %I reset tenancy.seal', current_database()));

-- ---------------------------------------------------------------- keys that nobody chooses
-- GENERATED ALWAYS gives way to OVERRIDING SYSTEM VALUE: it would tell which keys others have, and take their next ones.
select is(tests.sqlstate_as('a', 'ann', statement), '42501', format('refused: %s', statement))
  from unnest(array[
    $$insert into shop.patient (id, name) overriding system value values (2, 'x')$$,
    $$insert into shop.patient (id, name) overriding system value select 90000, 'x'$$,
    $$with n as (insert into shop.patient (id, name) overriding system value values (90000, 'x') returning id) select count(*) from n$$,
    $$merge into shop.patient p using (values (90000::bigint)) v (id) on p.id = v.id when not matched then insert (id, name) overriding system value values (v.id, 'x')$$
  ]) statement;
select is(tests.sqlstate_as('a', 'ann', $$insert into shop.patient (name) values ('x')$$), '00000', 'an identity gives its own keys');
select is(tests.sqlstate_as('a', 'ann', $$insert into shop.patient (id, name) overriding user value values (2, 'x')$$), '00000', 'OVERRIDING USER VALUE ignores the value, so it stays');
select tests.tell('a', 'set role tenancy_user');
select matches((tests.try('a', $$prepare later as insert into shop.patient (id, name) overriding system value values (2, 'x')$$)).message, 'OVERRIDING',
  'nor can a login of the gateway prepare it outside a context');
select tests.tell('a', 'reset role');
select isnt(tests.sqlstate_of('owner', $$insert into shop.patient (id, name) overriding system value values (2, 'x')$$), '00000', 'the owner is held by the policy as ever');
select matches((tests.try('owner', $$insert into shop.patient (id, tenant_id, name) overriding system value values (2, 1, 'x')$$)).message, 'no tenant context', 'and not by this');
select is(tests.sqlstate_as('unsealed', 'ann', $$insert into shop.patient (id, name) overriding system value values (2, 'x')$$), '23505',
  'with the seal off the key''s error tells that another tenant has it');

set client_min_messages = warning;
drop schema shed cascade;
select * from finish();
