-- Operators: a bypass with a reason, acting as a user, a statement for each tenant, tokens for jobs. Who may, what each
-- shows, what ends it, and the ways out of it that do not work.

select plan(116);
select tests.open('a', 'shop_gateway');
select tests.open('op', 'shop_operator');
select tests.open('own', 'shop_owner');
select tests.open('root', 'shop_root');
select tests.open('stranger', 'shop_stranger');

create function pg_temp.begin_with(statement text) returns text language plpgsql as
$$ begin perform tests.tell('op', 'begin'); return tests.tell('op', statement); end $$;
create function pg_temp.job(arguments text, out tenants text, out errors text) language sql as
$$ select string_agg(tenant_id || ':' || coalesce(rows::text, '-'), ' ' order by n), string_agg(distinct sqlstate, ' ')
     from (select *, row_number() over () as n
             from dblink('op', 'select * from tenancy.for_each_tenant(' || arguments || ')') as a (tenant_id text, rows bigint, sqlstate text, error text)) t $$;

-- ---------------------------------------------------------------- alone an operator sees nothing
select is(tests.sqlstate_of('op', 'select * from shop.patient'), '42501', 'an operator has no right to a table of the application');
select tests.tell('op', 'begin');
select tests.tell('op', 'set local role tenancy_admin');
select is(tests.sqlstate_inside('op', 'select * from shop.patient'), '42501', 'as tenancy_admin, without a context, he sees an error');
select tests.tell('op', 'set local tenancy.on_missing_context = empty');
select is(tests.tell('op', 'select count(*) from shop.patient'), '0', 'or no rows');
select is(tests.sqlstate_inside('op', 'set local tenancy.bypass = on'), '42501', 'the bypass cannot be set by hand');
select is(tests.sqlstate_inside('op', 'set local tenancy.actor = shop_root'), '42501', 'who acts neither');
select is(tests.sqlstate_inside('op', 'set local tenancy.role = owner'), '42501', 'the role inside the tenant neither');
select is(tests.sqlstate_inside('op', $$select set_config('tenancy.actor', 'shop_root', true)$$), '42501', 'by no way');
select tests.tell('op', 'rollback');
select throws_ok($$select tests.open('c', 'shop_operator', '-c tenancy.actor=shop_root')$$, '08001', null, 'nor with PGOPTIONS');

-- ---------------------------------------------------------------- bypass
select pg_temp.begin_with($$select tenancy.bypass('ticket 1')$$);
select is(tests.tell('op', 'select count(distinct tenant_id) from shop.patient'), '300', 'a bypass shows all tenants');
select is(tests.tell('op', 'select concat_ws('' '', tenancy.bypassing(), tenancy.actor(), coalesce(tenancy.user_id(), ''no user''), current_user)'), 't shop_operator no user tenancy_admin',
  'in it the operator is known, who is no user');
select is(tests.tell('op', $$select concat_ws(' ', w ->> 'actor', w ->> 'bypass', w ->> 'role', w -> 'user_id') from tenancy.whoami() w$$), 'shop_operator true tenancy_admin null', 'and whoami tells');
select is(tests.sqlstate_inside('op', $$select tenancy.bypass('again')$$), '25001', 'it begins once');
select is(tests.sqlstate_inside('op', $$select tenancy.act_as('1', '1', 'again')$$), '25001', 'and does not become another context');
select is(tests.sqlstate_inside('op', 'lock table shop.patient'), '42501', 'it is sealed');
select is(tests.sqlstate_inside('op', $$select * from tenancy.for_each_tenant('select 1', 'again')$$), '42501', 'and no place to run jobs in');
select tests.tell('op', 'commit');
select is(tests.sqlstate_of('op', 'select * from shop.patient'), '42501', 'it ends with the transaction');
select is(tests.tell('op', 'select tenancy.actor()'), null, 'and nobody acts any more');
select tests.tell('op', 'begin');
select is(tests.sqlstate_inside('op', $$select tenancy.bypass('undone')$$), '00000', 'a bypass after a savepoint');
select is(tests.tell('op', 'select tenancy.bypassing()::text'), 'false', 'ends when that is rolled back');
select tests.tell('op', 'rollback');

select is(tests.sqlstate_of('a', $$select tenancy.bypass('mine')$$), '42501', 'the gateway has no bypass');
select is(tests.sqlstate_as('a', 'ann', $$select tenancy.bypass('mine')$$), '42501', 'a tenant has none');
select is(tests.sqlstate_as('a', 'eve', $$select tenancy.bypass('mine')$$), '42501', 'nor an admin of the application');
select is(tests.sqlstate_of('own', $$select tenancy.bypass('mine')$$), '42501', 'nor the owner of the database');
select is(tests.sqlstate_of('stranger', $$select tenancy.bypass('mine')$$), '42501', 'nor anybody');
grant execute on function tenancy.bypass(text) to shop_stranger;
select is(tests.sqlstate_of('stranger', $$select tenancy.bypass('mine')$$), '42501', 'who was given the function neither: the login must be a member of tenancy_operator');
revoke execute on function tenancy.bypass(text) from shop_stranger;
select is(tests.sqlstate_of('root', $$select tenancy.bypass('mine')$$), '42501', 'a superuser is refused: triggers of others would run in a session that can become superuser again');
select tests.tell('root', 'begin');
select tests.tell('root', 'set local session authorization shop_operator');
select is(tests.sqlstate_inside('root', $$select tenancy.bypass('mine')$$), '42501', 'also where he has put on an operator');
select tests.tell('root', 'rollback');
select tests.tell('root', $$create function shop.lend() returns void language sql security definer set search_path = pg_catalog, pg_temp as 'select tenancy.bypass(''lent'')'$$);
select tests.tell('root', 'alter function shop.lend() owner to shop_owner');
select tests.tell('root', 'grant usage on schema shop to shop_operator');
grant execute on function tenancy.bypass(text) to shop_owner;
select is(tests.sqlstate_of('op', 'select shop.lend()'), '42501', 'inside a SECURITY DEFINER function it is refused');
revoke execute on function tenancy.bypass(text) from shop_owner;
select tests.tell('root', 'drop function shop.lend()');
select tests.tell('root', 'revoke usage on schema shop from shop_operator');

-- ---------------------------------------------------------------- act as a user
select pg_temp.begin_with($$select tenancy.act_as('1', '1', 'ticket 2')$$);
select is(tests.tell('op', 'select string_agg(distinct tenant_id::text, '','') from shop.patient'), '1', 'who acts as a user sees the rows of the tenant');
select is(tests.tell('op', 'select concat_ws('' '', tenancy.actor(), tenancy.user_bigint(), tenancy.tenant_bigint(), tenancy.role(), tenancy.bypassing(), current_user)'),
  'shop_operator 1 1 member f tenancy_user', 'as this user, with the user''s role, and the operator is known');
select is(tests.tell('op', $$select concat_ws(' ', w ->> 'actor', w ->> 'user_name', w ->> 'tenant_name', w ->> 'read_only', w -> 'session_id') from tenancy.whoami() w$$),
  'shop_operator ann tenant 1 true null', 'whoami tells both people');
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'it is read-only');
select is(tests.sqlstate_inside('op', 'set transaction read write'), '25001', 'and cannot be made another');
select is(tests.sqlstate_inside('op', 'set local transaction_read_only = off'), '25001', 'by no other spelling');
select is(tests.sqlstate_inside('op', $$select set_config('transaction_read_only', 'off', true)$$), '42501', 'nor by set_config');
-- The server lets these through until PostgreSQL 15.
select case when current_setting('server_version_num')::int < 160000 then tests.tell('op', 'reset transaction_read_only') end;
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'RESET has no effect');
select case when current_setting('server_version_num')::int < 160000 then tests.tell('op', 'set local transaction_read_only to default') end;
select is(tests.sqlstate_inside('op', $$insert into shop.patient (name) values ('new')$$), '25006', 'nor has DEFAULT');
select is(tests.sqlstate_inside('op', 'set local tenancy.read_only = off'), '42501', 'and what holds it cannot be set by hand');
select tests.tell('op', 'savepoint one');
select tests.tell('op', 'release one');
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'nor by a savepoint that is released');
select tests.tell('op', 'savepoint one');
select is(tests.sqlstate_of('op', 'set transaction read write') <> '00000', true, 'nor inside of one');
select tests.tell('op', 'rollback to one');
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'nor after it');
select is(tests.sqlstate_inside('op', 'reset role'), '42501', 'the role stays');
select is(tests.sqlstate_inside('op', 'set local role tenancy_admin'), '42501', 'it is no bypass');
select tests.tell('op', 'commit');
select is(tests.tell('op', 'show transaction_read_only'), 'off', 'it ends with the transaction');
select tests.tell('op', 'begin');
select tests.tell('op', 'savepoint before');
select tests.tell('op', $$select tenancy.act_as('1', '1', 'late')$$);
select tests.tell('op', 'release before');
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'a savepoint of before, when it is released, does not make it READ WRITE again');
select is(tests.tell('op', 'show transaction_read_only'), 'on', 'and the transaction says so');
select tests.tell('op', 'rollback');

select pg_temp.begin_with($$select tenancy.act_as('1', '1', 'ticket 3', false)$$);
select is(tests.tell('op', $$update shop.patient set note = note where tenant_id in (1, 2)$$), 'UPDATE 5', 'who asks for it writes, the tenant''s rows alone');
select is(tests.sqlstate_inside('op', $$update shop.patient set tenant_id = 2$$), '42501', 'and writes none for another tenant');
select tests.tell('op', 'rollback');
select pg_temp.begin_with($$select tenancy.act_as('1', '1', 'ticket 4', null)$$);
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'NULL asks for nothing');
select tests.tell('op', 'rollback');
-- An audit column of the application.
begin;
alter table shop.patient add changed_by text default tenancy.actor();
commit;
select pg_temp.begin_with($$select tenancy.act_as('1', '1', 'ticket 5', false)$$);
select is(tests.tell('op', $$insert into shop.patient (name) values ('by an operator') returning changed_by$$), 'shop_operator', 'an audit column names the operator');
select tests.tell('op', 'rollback');
select is(tests.tell_as('a', 'ann', $$insert into shop.patient (name) values ('by ann') returning changed_by$$), '1', 'and a user where nobody else acts');
delete from shop.patient where name = 'by ann';
alter table shop.patient drop changed_by;

create function pg_temp.act(arguments text) returns text language sql as
$$ select code || ' ' || message from tests.try('op', 'select tenancy.act_as(' || arguments || ')') $$;
select is(pg_temp.act($$'1', '2', 'x'$$), '42501 user "1" is not a member of tenant "2"', 'a user acts in no tenant of others');
select is(pg_temp.act($$'999', '1', 'x'$$), '42501 no user "999" in the directory', 'a user who is not there is told');
select is(pg_temp.act($$'6', '1', 'x'$$), '42501 user "6" is disabled', 'a disabled one too');
select is(pg_temp.act($$'5', '1', 'x'$$), '42501 user "5" is not a member of tenant "1"', 'an admin has no tenant but those he is a member of');
select matches(pg_temp.act($$'ann', '1', 'x'$$), '^22P02 ', 'a user of another type is refused');
select matches(pg_temp.act($$'1', 'one', 'x'$$), '^22P02 ', 'and a tenant');
select matches(pg_temp.act($$null, '1', 'x'$$), '^22004 ', 'no user is refused');
select matches(pg_temp.act($$'1', null, 'x'$$), '^22004 ', 'no tenant is');
select matches(pg_temp.act($$'1', '1', null$$), '^22023 ', 'and no reason');
select matches(pg_temp.act($$repeat('1', 1000000), '1', 'x'$$), '^22023 user is too long', 'a user of a megabyte is not looked up');
select tests.tell('op', $$select tenancy.suspend('1', 'a test')$$);
select pg_temp.begin_with($$select tenancy.act_as('1', '1', 'looking')$$);
select is(tests.tell('op', 'select count(*) from shop.patient'), '5', 'a suspended tenant may be looked into');
select is(tests.sqlstate_inside('op', $$update shop.patient set note = 'changed'$$), '25006', 'read-only');
select tests.tell('op', 'rollback');
select is(pg_temp.act($$'1', '1', 'x', read_only => false$$), '42501 tenant "1" is suspended', 'but nobody writes in it');
select isnt((select reason from tenancy.audit_log order by id desc limit 1), 'x', 'which is refused before it is on record');
select tests.tell('op', $$select tenancy.resume('1')$$);
select pg_temp.begin_with($$select tenancy.act_as('01', ' 1', 'x')$$);
select is(tests.tell('op', 'select tenancy.user_bigint() || '' '' || tenancy.tenant_bigint()'), '1 1', 'user and tenant are spelled as the directory spells them');
select tests.tell('op', 'rollback');

-- ---------------------------------------------------------------- for each tenant
select is(pg_temp.job($$'select 1', 'all'$$)::text, '("1:1 2:1 3:1 4:1 5:1 7:1",)', 'a statement runs for each tenant of the directory');
select is(pg_temp.job($$'select * from shop.patient', 'some', '{3,1}'$$)::text, '("3:5 1:5",)', 'or of a list, in its order, and meets the tenant''s rows alone');
select is(pg_temp.job($$'update shop.patient set note = ''by job'' where id % 1 = 0', 'write', '{1,2}'$$)::text, '("1:5 2:5",)', 'it writes');
select is((select array_agg(distinct tenant_id) from shop.patient where note = 'by job'), '{1,2}', 'those rows and no others');
update shop.patient set note = 'secret of tenant ' || tenant_id where note = 'by job';
select is(pg_temp.job($$'update shop.patient set note = (1 / (2 - tenancy.tenant_bigint()))::text', 'fails', '{1,2,3}'$$)::text, '("1:5 2:- 3:5",22012)', 'an error is told for its tenant, and the others go on');
select is((select array_agg(distinct tenant_id) from shop.patient where note !~ 'secret'), '{1,3}', 'whose rows are written');
update shop.patient set note = 'secret of tenant ' || tenant_id where note !~ 'secret';
select is(pg_temp.job($$'update shop.patient set tenant_id = 2', 'escape', '{1}'$$)::text, '(1:-,42501)', 'a row cannot be given to another tenant');
select is(pg_temp.job($$'select tenancy.user_id()', 'nobody', '{1}'$$)::text, '(1:-,42501)', 'a job is no user');
select is(pg_temp.job($$'set local role tenancy_admin', 'escape', '{1}'$$)::text, '(1:-,42501)', 'the seal holds: no other role');
select is(pg_temp.job($$'select set_config(''tenancy.tenant_id'', ''2'', true)', 'escape', '{1}'$$)::text, '(1:-,42501)', 'no other tenant');
select is(pg_temp.job($$'lock table shop.patient', 'escape', '{1}'$$)::text, '(1:-,42501)', 'no lock');
select is(pg_temp.job($$'do $d$ begin commit; end $d$', 'escape', '{1}'$$)::text, '(1:-,42501)', 'no code');
select is(pg_temp.job($$'select tenancy.revoke(gen_random_uuid())', 'escape', '{1}'$$)::text, '(1:-,42501)', 'no right of the operator''s');
select is(pg_temp.job($$'select tenancy.bypass(''x'')', 'escape', '{1}'$$)::text, '(1:-,42501)', 'no bypass');
select is(pg_temp.job($$'copy shop.patient to stdout', 'escape', '{1}'$$)::text, '(1:-,0A000)', 'COPY is for clients');
select is(tests.tell('op', 'select tenancy.actor()'), null, 'afterwards no context is left');
select is(tests.tell('op', 'select current_user'), 'shop_operator', 'nor the role');
select tests.tell('op', 'begin');
select is(pg_temp.job($$'select 1 / 0', 'error', '{1}'$$)::text, '(1:-,22012)', 'an error');
select is(tests.tell('op', 'select coalesce(tenancy.actor(), current_user)'), 'shop_operator', 'leaves none either');
select tests.tell('op', 'rollback');

create function pg_temp.refused_job(arguments text) returns text language sql as
$$ select code || ' ' || message from tests.try('op', 'select tenancy.for_each_tenant(' || arguments || ')') $$;
select matches(pg_temp.refused_job($$'rollback', 'x'$$), '^2D000 ', 'transaction control is refused');
select matches(pg_temp.refused_job($$'select 1; delete from shop.patient', 'x'$$), '^42601 one statement', 'two statements are');
select matches(pg_temp.refused_job($$null, 'x'$$), '^42601 one statement', 'none is');
select matches(pg_temp.refused_job($$'selekt', 'x'$$), '^42601 ', 'what is no SQL is refused once, before the first tenant');
select matches(pg_temp.refused_job($$'select 1', ''$$), '^22023 a reason', 'no reason is');
select is(pg_temp.refused_job($$'select 1', 'x', '{1,999}'$$), '22023 no tenant "999" in the directory', 'an unknown tenant is refused before anything runs');
select is(pg_temp.refused_job($$'select 1', 'x', '{007}'$$), '22023 no tenant "007" in the directory', 'so is another spelling');
select is(pg_temp.refused_job($$'select 1', 'x', '{1,null}'$$), '22023 a tenant of the list is NULL', 'and NULL');
select is(pg_temp.refused_job($$'select 1', 'x', array_fill('1'::text, array[20000])$$), '22023 this is too long for the audit log', 'a list too long for the audit log does not run');
select is(pg_temp.job($$'select 1', 'none', '{}'$$)::text, '(,)', 'an empty list is nothing to do');
select is(tests.sqlstate_of('own', $$select tenancy.for_each_tenant('select 1', 'x')$$), '42501', 'the owner of the database runs no jobs');
select is(tests.sqlstate_of('root', $$select tenancy.for_each_tenant('select 1', 'x')$$), '42501', 'nor a superuser');

-- What the owner of a table has written runs with the tenant's rights: a SET clause makes nobody the operator.
select tests.tell('own', $$create function shop.become_operator() returns trigger language plpgsql set role = none
                           as 'begin new.note := (select count(*) from tenancy.audit_log)::text; return new; end'$$);
select tests.tell('own', 'create trigger steal before update on shop.patient for each row execute function shop.become_operator()');
select is(pg_temp.job($$'update shop.patient set name = name', 'trap', '{1}'$$)::text, '(1:-,42501)', 'a trigger cannot become the operator');
select tests.tell('own', 'drop trigger steal on shop.patient');
select tests.tell('own', 'drop function shop.become_operator()');
-- A deferred check runs inside the tenant's context.
create table shop.visit (id bigint generated always as identity primary key, tenant_id bigint not null, patient_id bigint references shop.patient (id) deferrable initially deferred);
alter table shop.visit owner to shop_owner;
select count(*) from tenancy.protect('shop.visit');
select is(pg_temp.job($$'insert into shop.visit (patient_id) values (0)', 'deferred', '{1}'$$)::text, '(1:-,23503)', 'a deferred key is checked at once, for its tenant');
select is(pg_temp.job($$'insert into shop.visit (patient_id) select min(id) from shop.patient', 'deferred', '{1,2}'$$)::text, '("1:1 2:1",)', 'and is no obstacle');
drop table shop.visit;
-- A cancel ends the whole.
create function pg_temp.cancelled(statement text) returns text language plpgsql as
$$ begin perform tests.tell('op', statement); return 'ran'; exception when query_canceled then return sqlstate; end $$;
select tests.tell('op', 'set statement_timeout = 200');
select is(pg_temp.cancelled($$select tenancy.for_each_tenant('select pg_sleep(60)', 'slow')::text$$), '57014', 'a timeout ends the whole job, not one tenant''s part');
select tests.tell('op', 'reset statement_timeout');

-- ---------------------------------------------------------------- tokens for jobs
delete from tenancy.session where purpose = 'nightly mails'; -- of a run before
select tests.tell('op', $$select tenancy.job_token('3', '3', '10 min', 'nightly mails')$$) as token \gset
select tests.tell('a', 'begin');
select tests.tell('a', format('select tenancy.attach(%L)', :'token'));
select is(tests.tell('a', 'select concat_ws('' '', tenancy.user_id(), tenancy.tenant_id(), tenancy.actor(), tenancy.bypassing(), count(*)) from shop.patient'), '3 3 3 f 5', 'the token of a job attaches as the user in the tenant');
select tests.tell('a', 'rollback');
select is((select concat_ws(' ', login, acting_as, tenant_id, reason) from tenancy.audit_log order by id desc limit 1), 'shop_gateway 3 3 nightly mails', 'its first use is on record');
select is(tests.tell('op', $$select concat_ws(' ', user_id, tenant_id, state, expires_at - created_at <= '10 min') from tenancy.sessions where purpose = 'nightly mails'$$), '3 3 live t', 'it is listed with its purpose');
update tenancy.session set last_used_at = last_used_at - interval '5 hours' where purpose = 'nightly mails';
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', :'token')), '00000', 'it waits for its turn: the idle limit is for people');
select is(tests.sqlstate_of('a', format('select tenancy.choose_tenant(%L, ''1'')', :'token')), '42501', 'it stays in its tenant');
begin;
delete from shop.membership where user_id = 3 and tenant_id = 3;
commit;
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', :'token')), '28000', 'it ends with the membership');
insert into shop.membership values (3, 3, 'member');
select is(tests.tell('op', $$select tenancy.revoke(id)::text from tenancy.sessions where purpose = 'nightly mails'$$), 'true', 'an operator ends it');
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', :'token')), '28000', 'at once');

create function pg_temp.refused_token(arguments text) returns text language sql as
$$ select code || ' ' || message from tests.try('op', 'select tenancy.job_token(' || arguments || ')') $$;
select is(pg_temp.refused_token($$'1', '1', '24 h 1 s', 'x'$$), '22023 a job''s token lives for up to 24 hours', 'a token lives for a day at most');
select matches(pg_temp.refused_token($$'1', '1', '0', 'x'$$) || pg_temp.refused_token($$'1', '1', '-1 s', 'x'$$), '^22023 .*22023 ', 'and for some time');
select matches(pg_temp.refused_token($$'1', '1', null, 'x'$$) || pg_temp.refused_token($$'1', null, '1 h', 'x'$$) || pg_temp.refused_token($$null, '1', '1 h', 'x'$$), '^22004 .*22004 .*22004 ', 'NULL is no time, user or tenant');
select matches(pg_temp.refused_token($$'1', '1', '1 h', ''$$) || pg_temp.refused_token($$'1', '1', '1 h', repeat('x', 10240)$$), '^22023 .*22023 ', 'a purpose is needed, and one of 10 kB refused');
select is(pg_temp.refused_token($$'2', '1', '1 h', 'x'$$), '42501 user "1" is not a member of tenant "2"', 'a job works where its user is a member');
select is(tests.sqlstate_as('a', 'ann', $$select tenancy.job_token('1', '1', '1 h', 'x')$$), '42501', 'a tenant makes no tokens');

-- ---------------------------------------------------------------- the check is silent about operators
select is_empty($$select object from tenancy.check() where object ~ 'tenancy_operator|shop_operator'$$, 'no rule finds that operators may enter contexts');

select * from finish();
