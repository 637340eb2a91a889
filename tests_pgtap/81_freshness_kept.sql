-- What the directory said is used again without asking while nobody has written to what it was read from. Each way in which
-- that may become untrue is noticed by the next transaction of another connection, which had the answer at hand.

select plan(152);
select tests.open('root', 'shop_root');
select tests.open('locker', 'shop_root');
select tests.open('operator', 'shop_operator');
select tests.open('a', 'shop_gateway', '-c lock_timeout=1ms');

-- ---------------------------------------------------------------- a directory with more to it
set role shop_owner;
create schema staff;
grant all on schema staff to shop_reporting;
create type staff.grade as enum ('junior', 'senior');
create table staff.person (id bigint primary key, grade staff.grade, valid_until timestamptz not null default 'infinity');
insert into staff.person select id, 'senior' from shop.account where user_name = 'ian';
create table staff.contract (person_id bigint primary key references staff.person on delete cascade);
insert into staff.contract select id from staff.person;
create table staff.banned (user_id bigint);
create table staff.hired (user_id bigint);
insert into staff.hired select id from staff.person;
create view staff.welcome as select h.user_id from staff.hired h;
create view staff.nobodys_accounts as select * from shop.accounts where false;
-- Fires at COMMIT.
create table staff.wish (n int);
create function staff.fulfil() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$ begin delete from staff.hired; return null; end $$;
create constraint trigger fulfil after insert on staff.wish deferrable initially deferred for each row execute function staff.fulfil();
create view staff.accounts as
  select a.user_id, a.user_name, a.password_hash, a.is_admin, a.disabled or not exists (select from staff.contract c where c.person_id = a.user_id) as disabled
    from shop.accounts a;
create view staff.memberships as
  select m.user_id, m.tenant_id, m.tenant_name || ' no. ' || m.tenant_id as tenant_name, p.grade as role
    from shop.memberships m join staff.person p on p.id = m.user_id
   where exists (select from staff.welcome w where w.user_id = m.user_id)
     and not exists (select from staff.banned b where b.user_id = m.user_id);
reset role;
select tenancy.use_directory('staff.accounts', 'staff.memberships');

create temporary table ian as select tests.token('ian') as token, a.id from shop.account a where a.user_name = 'ian';
create function pg_temp.attach() returns text language sql as
$$ select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from ian $$;

-- Whether it can answer while nobody can read the directory.
create function pg_temp.attach_unasked() returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('locker', 'begin');
  perform tests.tell('locker', 'lock table shop.account, shop.membership, staff.hired, tenancy.suspension in access exclusive mode');
  outcome := pg_temp.attach();
  perform tests.tell('locker', 'rollback');
  return outcome;
end
$$;
-- The first question of a backend finds out what it depends on, the second is kept.
create function pg_temp.attach_with_answer_kept() returns text language plpgsql as
$$
begin
  perform pg_temp.attach() from generate_series(1, 2);
  return pg_temp.attach_unasked();
end
$$;
create function pg_temp.role() returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L)', token)) from ian;
  outcome := tests.tell('a', 'select tenancy.role()');
  perform tests.tell('a', 'commit');
  return outcome;
end
$$;

select is(pg_temp.attach_with_answer_kept(), '00000', 'a backend that has asked before does not ask again');
select is(pg_temp.role(), 'senior', 'it knows the role');
select tests.tell('root', 'update shop.patient set note = note where id = 1');
select is(pg_temp.attach_unasked(), '00000', 'a write to another table changes nothing');
select tests.tell('root', 'begin; insert into shop.patient (tenant_id, name) select 1, ''for a while'' from generate_series(1, 1000); delete from shop.patient where name = ''for a while''; commit');
select tests.tell('root', 'vacuum shop.patient');
select is(pg_temp.attach_unasked(), '00000', 'nor does a vacuum of it that gives pages back');
select tests.tell('root', 'create temporary table mine as select 1 as n');
select is(pg_temp.attach_unasked(), '00000', 'nor a new table');
select tests.tell('root', 'select note from shop.patient limit 1 for update');
select is(pg_temp.attach_unasked(), '00000', 'nor a lock on a row');
select tests.tell('root', 'begin; delete from staff.hired; rollback');
select is(pg_temp.attach_unasked(), '00000', 'nor what is rolled back');

-- ---------------------------------------------------------------- what may have written anywhere
create temporary table anywhere (number int generated always as identity, what text, change text);
insert into anywhere (what, change) values
  ('a transaction that has written without a statement', 'select pg_current_xact_id()::text'),
  ('a COPY into another table', 'copy mine from program ''echo 2'''),
  ('a change of another table', 'alter table staff.wish set (fillfactor = 90)'),
  ('a write to very many tables', (select 'begin; ' || string_agg(format('create temporary table t%1$s (n int); insert into t%1$s values (1)', n), ';') || '; commit' from generate_series(1, 40) n));
create function pg_temp.asks_after(anywhere anywhere) returns setof text language plpgsql as
$$
begin
  return next is(pg_temp.attach_with_answer_kept(), '00000', format('before %s the answer is at hand', anywhere.what));
  perform tests.tell('root', anywhere.change);
  return next is(pg_temp.attach_unasked(), '55P03', format('after %s the directory is asked', anywhere.what));
end
$$;
select pg_temp.asks_after(anywhere) from anywhere order by number;

-- ---------------------------------------------------------------- every way to change it
create temporary table way (number int generated always as identity, what text, change text, code text, undo text);
insert into way (what, change, code, undo) values
  ('DELETE', 'delete from staff.hired', '28000', 'insert into staff.hired select id from staff.person'),
  ('UPDATE', 'update shop.account set disabled = true where user_name = ''ian''', '28000', 'update shop.account set disabled = false where user_name = ''ian'''),
  ('INSERT', 'insert into staff.banned select id from staff.person', '28000', 'delete from staff.banned'),
  ('a writing WITH', 'with gone as (delete from staff.hired returning 1) select count(*) from gone', '28000', 'insert into staff.hired select id from staff.person'),
  ('MERGE', 'merge into staff.hired h using staff.person p on p.id = h.user_id when matched then delete', '28000', 'insert into staff.hired select id from staff.person'),
  ('UPDATE through a view', 'update staff.welcome set user_id = - user_id', '28000', 'update staff.welcome set user_id = - user_id'),
  ('EXPLAIN ANALYZE', 'explain analyze delete from staff.hired', '28000', 'insert into staff.hired select id from staff.person'),
  ('PL/pgSQL', 'do $do$ begin delete from staff.hired; end $do$', '28000', 'insert into staff.hired select id from staff.person'),
  ('a foreign key that cascades', 'delete from staff.person', '28000',
   'insert into staff.person select id, ''senior'' from shop.account where user_name = ''ian''; insert into staff.contract select id from staff.person'),
  ('a deferred trigger', 'insert into staff.wish values (1)', '28000', 'insert into staff.hired select id from staff.person'),
  ('a write without triggers', 'set session_replication_role = replica; delete from staff.hired; reset session_replication_role', '28000', 'insert into staff.hired select id from staff.person'),
  ('COPY', format('copy staff.banned from program ''echo %s''', (select id from staff.person)), '28000', 'delete from staff.banned'),
  ('TRUNCATE', 'truncate staff.hired', '28000', 'insert into staff.hired select id from staff.person'),
  ('another view below the registered one', 'create or replace view staff.welcome as select h.user_id from staff.hired h where h.user_id < 0', '28000',
   'create or replace view staff.welcome as select h.user_id from staff.hired h'),
  ('another registered view', 'create or replace view staff.accounts as select a.user_id, a.user_name, a.password_hash, a.is_admin, true as disabled from shop.accounts a', '28000',
   'create or replace view staff.accounts as select a.user_id, a.user_name, a.password_hash, a.is_admin, a.disabled or not exists (select from staff.contract c where c.person_id = a.user_id) as disabled from shop.accounts a'),
  ('another registered directory', 'select tenancy.use_directory(''staff.nobodys_accounts'', ''staff.memberships'')', '28000', 'select tenancy.use_directory(''staff.accounts'', ''staff.memberships'')'),
  ('row security', 'alter table staff.hired owner to shop_reporting; grant select on staff.hired to shop_owner; alter table staff.hired enable row level security', '28000',
   'alter table staff.hired disable row level security; alter table staff.hired owner to shop_owner'),
  ('the loss of a right of the views'' owner', 'alter table staff.hired owner to shop_reporting; revoke all on staff.hired from shop_owner', '42501', 'alter table staff.hired owner to shop_owner'),
  ('a suspension', 'select tenancy.suspend(''4'', ''a test'')', '42501', 'select tenancy.resume(''4'')');

create function pg_temp.story(way way) returns setof text language plpgsql as
$$
begin
  return next is(pg_temp.attach_with_answer_kept(), '00000', format('before %s the answer is at hand', way.what));
  perform tests.tell('root', way.change);
  return next is(pg_temp.attach(), way.code, format('after %s it is not used', way.what));
  perform tests.tell('root', way.undo);
  return next is(pg_temp.attach(), '00000', format('when %s is undone the session works again', way.what));
end
$$;
select pg_temp.story(way) from way order by number;

-- ---------------------------------------------------------------- what is not a no
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('root', 'update staff.person set grade = ''junior''');
select is(pg_temp.role(), 'junior', 'another role counts');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('root', 'alter type staff.grade rename value ''junior'' to ''trainee''');
select is(pg_temp.role(), 'trainee', 'so does another name of the role');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('root', 'alter table staff.hired rename user_id to person_id; alter view staff.welcome rename user_id to someone');
select is(pg_temp.attach(), '00000', 'columns that are renamed change nothing');
select tests.tell('root', 'alter table staff.hired rename person_id to user_id; alter view staff.welcome rename someone to user_id');

-- ---------------------------------------------------------------- inside one transaction
create function pg_temp.root_attaches() returns text language sql as
$$ select tests.sqlstate_of('root', format('select tenancy.attach(%L)', token)) from ian $$;
select is(array_agg(pg_temp.root_attaches()), array['00000', '00000', '00000'], 'with the answer at hand') from generate_series(1, 3);
select tests.tell('root', 'begin');
select tests.tell('root', 'delete from staff.hired');
select is(pg_temp.attach(), '00000', 'what is not committed does not count');
select is(tests.sqlstate_inside('root', format('select tenancy.attach(%L)', token)), '28000', 'but in the transaction that has written it') from ian;
select tests.tell('root', 'rollback');
select is(pg_temp.root_attaches(), '00000', 'and what is rolled back was never so');
select tests.tell('root', 'begin; savepoint before');
select tests.tell('root', 'delete from staff.hired');
select is(tests.sqlstate_inside('root', format('select tenancy.attach(%L)', token)), '28000', 'the same after a savepoint') from ian;
select tests.tell('root', 'rollback to before');
select is(tests.sqlstate_inside('root', format('select tenancy.attach(%L)', token)), '00000', 'and when it is rolled back to') from ian;
select tests.tell('root', 'commit');
select is(pg_temp.attach(), '00000', 'and after the commit of what is left');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('a', 'begin isolation level repeatable read');
select tests.tell('a', 'select count(*) from pg_class'); -- the snapshot is taken
select tests.tell('root', 'delete from staff.hired');
select is(pg_temp.attach(), '28000', 'a transaction whose snapshot is older than the change is refused');
select tests.tell('a', 'rollback');
select tests.tell('root', 'insert into staff.hired select id from staff.person');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('a', 'begin isolation level repeatable read');
select tests.tell('a', 'select count(*) from pg_class');
select tests.tell('root', 'create or replace view staff.welcome as select h.user_id from staff.hired h where h.user_id < 0');
select is(pg_temp.attach(), '28000', 'older than another definition of a view, too');
select tests.tell('a', 'rollback');
select tests.tell('root', 'create or replace view staff.welcome as select h.user_id from staff.hired h');

-- Its lock on tenancy.session is there already, so taking it tells of no change.
select is(array_agg(pg_temp.root_attaches()), array['00000', '00000', '00000'], 'with the answer at hand') from generate_series(1, 3);
select tests.tell('root', 'begin');
select tests.tell('root', 'select count(*) from tenancy.session');
select tests.tell('locker', 'create or replace view staff.welcome as select h.user_id from staff.hired h where h.user_id < 0');
select is(pg_temp.root_attaches(), '28000', 'nor does it help to have looked at the sessions before');
select tests.tell('root', 'rollback');
select tests.tell('root', 'create or replace view staff.welcome as select h.user_id from staff.hired h');

-- ---------------------------------------------------------------- the session itself
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('operator', format('select tenancy.revoke(%L)', s.id)) from ian, tenancy.session s where s.token_hash = sha256(convert_to(token, 'UTF8'));
select is(pg_temp.attach(), '28000', 'a session that was ended is ended');
update ian set token = tests.token('ian');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer for another session at hand');
select tests.tell('root', format('update tenancy.session set password_fingerprint = sha256(''x'') where token_hash = sha256(convert_to(%L, ''UTF8''))', token)) from ian;
select is(pg_temp.attach(), '28000', 'it counts for the password that the session was opened with');
update ian set token = tests.token('ian');

-- ---------------------------------------------------------------- signed tokens
create function pg_temp.url(bytes bytea) returns text language sql as
$$ select translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
create temporary table signed as
  select name, issuer, input || '.' || pg_temp.url(hmac(convert_to(input, 'UTF8'), convert_to(repeat(issuer, 10), 'UTF8'), 'sha256')) as token
    from ian, (values ('free', 'free', '{}'::jsonb), ('held', 'held', '{"tenants": ["5"]}'), ('two', 'held', '{"tenants": ["4", "5"]}'),
                      ('old', 'free', jsonb_build_object('iat', floor(extract(epoch from clock_timestamp())) - 200)), ('undated', 'free', '{"iat": null}')) t (name, issuer, more),
         lateral (select pg_temp.url('{"alg":"HS256"}') || '.' || pg_temp.url(convert_to((jsonb_strip_nulls(jsonb_build_object('iss', issuer, 'aud', 'shop', 'sub', ian.id, 'iat', floor(extract(epoch from clock_timestamp())),
                                                                                                        'exp', floor(extract(epoch from clock_timestamp())) + 3600) || more))::text, 'UTF8'))) i (input);
select tenancy.trust_issuer(issuer, jsonb_build_object('kty', 'oct', 'k', pg_temp.url(convert_to(repeat(issuer, 10), 'UTF8'))), array['shop'], tenant_claim => case issuer when 'held' then 'tenants' end) from (values ('free'), ('held')) i (issuer);
create function pg_temp.attach_signed(name text, tenant text) returns text language sql as
$$ select tests.sqlstate_of('a', format('select tenancy.attach(%L, %L)', token, tenant)) from signed s where s.name = attach_signed.name $$;
create function pg_temp.tenant_of(name text) returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L)', token)) from signed s where s.name = tenant_of.name;
  outcome := tests.tell('a', 'select current_setting(''tenancy.tenant_id'')');
  perform tests.tell('a', 'commit');
  return nullif(outcome, '');
end
$$;
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer for the user''s session at hand');
create or replace function pg_temp.attach() returns text language sql as
$$ select pg_temp.attach_signed('free', '4') $$;
select is(pg_temp.attach_unasked(), '55P03', 'a signed token asks for itself');
select is(pg_temp.attach_with_answer_kept(), '00000', 'but not a second time');
select is(pg_temp.attach_signed('free', '5'), '42501', 'of another tenant nothing is known');
select is(pg_temp.attach_signed('held', '4'), '42501', 'and another token of the user is held to the tenants that it names');
create or replace function pg_temp.attach() returns text language sql as
$$ select pg_temp.attach_signed('free', null) $$;
select is(pg_temp.attach_unasked(), '55P03', 'for a token that names no tenant nothing is known');
select is(pg_temp.attach_with_answer_kept(), '00000', 'but then it is');
select is(pg_temp.tenant_of('free'), '4', 'and it opens the only one');
select is(pg_temp.attach_signed('held', null), '28000', 'another token of the user is held to the one that it names');
select is(pg_temp.tenant_of('two'), null, 'and one that names two opens none');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('root', 'insert into shop.membership (user_id, tenant_id) select id, 5 from staff.person');
select is(pg_temp.tenant_of('free'), null, 'with a second membership it opens none');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with that answer at hand');
select is(pg_temp.tenant_of('free'), null, 'neither');
select tests.tell('root', 'delete from shop.membership m using staff.person p where m.user_id = p.id and m.tenant_id = 5');
select is(pg_temp.tenant_of('free'), '4', 'the only one again');
create or replace function pg_temp.attach() returns text language sql as
$$ select pg_temp.attach_signed('free', '4') $$;
truncate way;
insert into way (what, change, code, undo) values
  ('a removed membership', 'delete from staff.hired', '42501', 'insert into staff.hired select id from staff.person'),
  ('a disabled account', 'update shop.account set disabled = true where user_name = ''ian''', '28000', 'update shop.account set disabled = false where user_name = ''ian'''),
  ('a suspension', 'select tenancy.suspend(''4'', ''a test'')', '42501', 'select tenancy.resume(''4'')');
select pg_temp.story(way) from way order by number;
insert into tenancy.token_cutoff (user_id, tenant_id, issued_until) select id::text, '', now() - interval '100 seconds' from ian;
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer for a token of now at hand');
select is(pg_temp.attach_signed('old', '4'), '28000', 'an older one that was taken back is refused');
select is(pg_temp.attach_signed('undated', '4'), '28000', 'so is one that does not say when it was issued');
select is(pg_temp.attach_with_answer_kept(), '00000', 'with the answer at hand');
select tests.tell('operator', format('select tenancy.revoke_all(user_id => %L)::text', id)) from ian;
select is(pg_temp.attach(), '28000', 'a token that operators have taken back is refused');
select tenancy.distrust_issuer(issuer) from (values ('free'), ('held')) i (issuer);
delete from tenancy.token_cutoff;
create or replace function pg_temp.attach() returns text language sql as
$$ select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from ian $$;
update ian set token = tests.token('ian');

-- ---------------------------------------------------------------- what is asked each time
create temporary table doubtful (number int generated always as identity, what text, make text);
insert into doubtful (what, make) values
  ('the time', 'create or replace view staff.welcome as select h.user_id from staff.hired h, staff.person p where p.id = h.user_id and p.valid_until > now()'),
  ('the time by another name', 'create or replace view staff.welcome as select h.user_id from staff.hired h, staff.person p where p.id = h.user_id and p.valid_until > current_timestamp'),
  ('a setting', 'create or replace view staff.welcome as select h.user_id from staff.hired h where current_setting(''work_mem'') is not null'),
  ('a function of somebody''s own', 'create function staff.yes() returns boolean immutable language plpgsql as ''begin return true; end''; create or replace view staff.welcome as select h.user_id from staff.hired h where staff.yes()'),
  ('a partitioned table', 'create table staff.parted (user_id bigint) partition by list (user_id); create table staff.part partition of staff.parted default; insert into staff.parted select user_id from staff.hired; grant all on staff.parted, staff.part to shop_owner; create or replace view staff.welcome as select p.user_id from staff.parted p'),
  ('a partition', 'create or replace view staff.welcome as select p.user_id from staff.part p'),
  ('a materialized view', 'create materialized view staff.copied as select user_id from staff.hired; grant select on staff.copied to shop_owner; create or replace view staff.welcome as select c.user_id from staff.copied c'),
  ('a foreign table', format('create extension file_fdw; create server files foreign data wrapper file_fdw; create foreign table staff.elsewhere (user_id bigint) server files options (program ''echo %s''); grant all on staff.elsewhere to shop_owner; create or replace view staff.welcome as select e.user_id from staff.elsewhere e', (select id from staff.person))),
  ('another table access method', 'create access method another type table handler heap_tableam_handler; create table staff.other (user_id bigint) using another; insert into staff.other select user_id from staff.hired; grant all on staff.other to shop_owner; create or replace view staff.welcome as select o.user_id from staff.other o'),
  ('a system catalog', 'create or replace view staff.welcome as select h.user_id from staff.hired h where exists (select from pg_catalog.pg_class)'),
  ('a sample', 'create or replace view staff.welcome as select h.user_id from staff.hired h tablesample system (100)'),
  ('a set-returning function', 'create or replace view staff.welcome as select h.user_id from staff.hired h, pg_catalog.generate_series(1, 1) n');
create function pg_temp.doubt(doubtful doubtful) returns setof text language plpgsql as
$$
begin
  perform tests.tell('root', doubtful.make);
  return next is(pg_temp.attach(), '00000', format('with %s in a view the session works', doubtful.what));
  return next is(pg_temp.attach_with_answer_kept(), '55P03', format('and with %s the directory is asked each time', doubtful.what));
end
$$;
select pg_temp.doubt(doubtful) from doubtful order by number;
select tests.tell('root', 'create or replace view staff.welcome as select h.user_id from staff.hired h');
truncate way;
insert into way (what, change, code, undo) values
  ('a child table with more rows', format('create table staff.more () inherits (staff.banned); insert into staff.more values (%s)', (select id from staff.person)), '28000', 'drop table staff.more');
select pg_temp.story(way) from way;
select is(pg_temp.attach_with_answer_kept(), '55P03', 'a table that has had children is asked each time');

select tenancy.use_directory('shop.accounts', 'shop.memberships');
set client_min_messages = warning;
drop schema staff cascade;
drop extension file_fdw cascade;
drop access method another;

select * from finish();
