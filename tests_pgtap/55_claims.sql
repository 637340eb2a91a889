-- The promises that README makes, each as an attack that is tried and fails. What is proved elsewhere is named there:
-- pooled connections through pgbouncer in 58, contexts of before the library was loaded in 59.

select plan(64);
select tests.open('a', 'shop_gateway');
select tests.open('b', 'shop_gateway');

-- ================================================================ 1. A stolen gateway login reads zero rows.
-- With its password and any role that it can take: every relation of the database, and every function of the extension.
select tests.open('thief', 'shop_gateway');
create temporary table reachable as
  select r.role, c.oid::regclass::text as relation, c.relkind
    from pg_class c, unnest(array['none', 'tenancy_gateway', 'tenancy_user', 'tenancy_admin']) as r (role)
   where c.relkind in ('r', 'v', 'm', 'p', 'f') and c.relnamespace in ('shop'::regnamespace, 'tenancy'::regnamespace, 'tests'::regnamespace, 'public'::regnamespace)
     and c.relname not in ('tap_funky', 'pg_all_foreign_keys') -- pgTAP's own views of the catalog
     and c.oid not in ('tenancy.protected'::regclass, 'tenancy.policies'::regclass, 'tenancy.rule'::regclass); -- and ours, which show no row of a table
create function pg_temp.rows_of(role text, relation text) returns bigint language plpgsql as
$$
declare
  answer bigint;
begin
  perform tests.tell('thief', 'set role ' || role);
  begin
    answer := tests.tell('thief', 'select count(*) from ' || relation);
  exception when insufficient_privilege then
    answer := 0;
  end;
  perform tests.tell('thief', 'reset role');
  return answer;
end
$$;
select cmp_ok(count(*), '>', 20::bigint, 'there are relations to try') from reachable;
select is_empty($$select role, relation, pg_temp.rows_of(role, relation) from reachable where pg_temp.rows_of(role, relation) > 0$$,
  'no relation shows a row to a stolen gateway login, whatever role it takes');
select tests.tell('thief', 'set tenancy.on_missing_context = empty');
select is_empty($$select role, relation, pg_temp.rows_of(role, relation) from reachable where pg_temp.rows_of(role, relation) > 0$$,
  'nor with its own choice of on_missing_context');
select tests.tell('thief', 'reset tenancy.on_missing_context');
-- The counter-proof: the same search finds what is not protected.
create table shop.careless (id int);
insert into shop.careless values (1);
grant select on shop.careless to tenancy_user;
select is(pg_temp.rows_of('tenancy_user', 'shop.careless'), 1::bigint, 'the search finds rows where a table is granted and not protected');
drop table shop.careless;
alter table shop.patient disable row level security;
select is(pg_temp.rows_of('tenancy_user', 'shop.patient'), 1500::bigint, 'or where row security is off');
alter table shop.patient enable row level security;

select is(tests.sqlstate_of('thief', statement), wanted, statement)
  from (values
    ('select tenancy.attach(repeat(''A'', 43))', '28000'),
    ('select (tenancy.login(''ann'', ''guess'')).token', '28P01'),
    ('select (tenancy.choose_tenant(repeat(''A'', 43), ''1'')).tenant_id', '28000'),
    ('select tenancy.revoke(gen_random_uuid())', '42501'),
    ('select tenancy.hash_password(''x'')', '42501'),
    ('select tenancy.use_directory(''shop.accounts'', ''shop.memberships'')', '42501'),
    ('select tenancy.probe_directory()', '42501'),
    ('select * from tenancy.protect(''shop.patient'')', '42501'),
    ('select * from tenancy.unprotect(''shop.patient'')', '42501'),
    ('select password_hash from shop.accounts', '42501'),
    ('select password_hash from shop.account', '42501'),
    ('select token_hash from tenancy.session', '42501'),
    ('set role shop_owner', '42501'),
    ('set role tenancy_operator', '42501'),
    ('set session authorization shop_owner', '42501'),
    ('copy shop.patient to stdout', '42501'),
    ('select rolpassword from pg_authid', '42501'),
    ('select pg_read_file(''postgresql.conf'')', '42501'),
    ('alter table shop.patient disable row level security', '42501'),
    ('create function public.f() returns int language c as ''tenancy'', ''tenancy_attach''', '42501')
  ) as v (statement, wanted);
select is(tests.tell('thief', 'select tenancy.logout(repeat(''A'', 43))'), 'f', 'logout tells nothing about sessions it does not hold');
select is(tests.tell('thief', 'select tenancy.current_sign_in() is null'), 't', 'there is no sign-in to look at');
select is(tests.tell('thief', $$select count(*) from pg_stats where schemaname = 'shop'$$), '0', 'the planner''s statistics show none of their values');
select tests.tell('thief', 'set role tenancy_user');
select is(tests.tell('thief', $$select count(*) from pg_stats where schemaname = 'shop'$$), '0', 'to no role it can take');
select tests.tell('thief', 'reset role');
select is((select string_agg(relation, ',') from (
    select c.oid::regclass::text as relation from pg_class c where c.relkind = 'S' and c.relnamespace = 'shop'::regnamespace
       and tests.sqlstate_of('thief', 'select last_value from ' || c.oid::regclass) = '00000') s), null, 'sequences tell it nothing');

-- ================================================================ 2. Injected SQL stays in its tenant.
-- Everything an injection could try inside ann's transaction, and afterwards: does a row of others come out anywhere?
create temporary table injection (statement text);
insert into injection values
  ('select tenant_id from shop.patient'), ('select tenant_id from shop.patient where true or tenant_id = 2'), ('select tenant_id from shop.patient union all select tenant_id from shop.reading'),
  ('select id from shop.tenant'), ('select p.tenant_id from shop.patient p full join shop.reading r using (tenant_id) limit 1000'),
  ('set role tenancy_admin; select tenant_id from shop.patient'), ('reset role; select tenant_id from shop.patient'), ('set local tenancy.bypass = on; select tenant_id from shop.patient'),
  ('select set_config(''tenancy.tenant_id'', ''2'', true); select tenant_id from shop.patient'), ('set row_security = off; select tenant_id from shop.patient'),
  ('commit; begin; select tenant_id from shop.patient'), ('commit; begin; set local role tenancy_user; select tenant_id from shop.patient'), ('commit; begin; set local role tenancy_admin; select tenant_id from shop.patient'),
  ('commit; begin; set local tenancy.on_missing_context = empty; set local role tenancy_admin; select tenant_id from shop.patient'),
  ('rollback; begin; set local role tenancy_admin; set local row_security = off; select tenant_id from shop.patient'),
  ('do $$begin perform set_config(''role'', ''none'', false); end$$; select tenant_id from shop.patient'),
  ('update shop.patient set tenant_id = 1 where tenant_id = 2; select tenant_id from shop.patient'), ('delete from shop.patient where tenant_id <> 1 returning tenant_id'),
  ('merge into shop.patient p using shop.reading r on true when matched and p.tenant_id <> 1 then delete'), ('insert into shop.patient (tenant_id, name) values (2, ''x'') returning tenant_id'),
  ('select tenant_id from only shop.patient'), ('select tenant_id from shop.patient tablesample system (100)'), ('select user_id from shop.accounts'), ('select tenant_id::text from tenancy.session'),
  ('select (xpath(''//tenant_id/text()'', query_to_xml(''select tenant_id from shop.patient'', true, false, '''')))[2]::text'),
  ('select unnest(xpath(''//tenant_id/text()'', table_to_xml(''shop.patient'', true, false, '''')))::text'),
  ('select most_common_vals::text from pg_stats where tablename = ''patient'''), ('declare c cursor for select tenant_id from shop.patient; fetch all from c');
create function pg_temp.inject(statement text) returns text[] language plpgsql as
$$
declare
  answer text[];
begin
  perform tests.begin_as('a', 'ann');
  begin
    answer := tests.tell_all('a', statement);
  exception when others then
    answer := null;
  end;
  perform tests.tell('a', 'rollback');
  return answer;
end
$$;
select is_empty($$select statement, answer from injection, lateral pg_temp.inject(statement) answer where exists (select from unnest(answer) v where v ~ '^[0-9]' and v <> '1')$$,
  'no injected statement brings a row of another tenant out');
select is(array_length(pg_temp.inject('select tenant_id from shop.patient'), 1), 5, 'the tenant''s own it does');
select is((select count(*) from shop.patient where tenant_id = 2), 5::bigint, 'nor takes one away');
alter table shop.patient disable row level security;
select cmp_ok((select count(*) from injection, lateral pg_temp.inject(statement) answer where exists (select from unnest(answer) v where v ~ '^[0-9]' and v <> '1')), '>', 5::bigint,
  'with row security off the same statements do, so the test can fail');
alter table shop.patient enable row level security;
delete from shop.patient where name = 'x';

-- ================================================================ 3. Nothing leaks to the next user of a pooled connection.
create function pg_temp.left_over() returns text language sql as
$$ select tests.tell('a', $q$select concat_ws('|', current_setting('tenancy.user_id'), current_setting('tenancy.tenant_id'), current_setting('tenancy.session_id'), tenancy.bypassing(), current_user, tenancy.session_id())$q$) $$;
select tests.begin_as('a', 'ann');
select tests.tell('a', 'commit');
select is(pg_temp.left_over(), '|||f|shop_gateway', 'after commit nothing of ann is left');
select is(tests.tell_as('a', 'bob', 'select array_agg(distinct tenant_id) from shop.patient'), '{2}', 'and bob sees his rows');
select tests.begin_as('a', 'eve');
select tests.tell('a', 'rollback');
select is(pg_temp.left_over(), '|||f|shop_gateway', 'after an admin''s rollback nothing of the bypass is left');
select is(tests.tell_as('a', 'bob', 'select array_agg(distinct tenant_id) from shop.patient'), '{2}', 'and bob sees his rows');
select tests.begin_as('a', 'eve');
select tests.sqlstate_of('a', 'select 1 / 0');
select tests.tell('a', 'rollback');
select is(pg_temp.left_over(), '|||f|shop_gateway', 'after an error neither');
select tests.begin_as('a', 'eve');
select tests.close('a');
select tests.open('a', 'shop_gateway');
select is(pg_temp.left_over(), '|||f|shop_gateway', 'nor after a client that went away in the middle');
select tests.begin_as('a', 'ann');
select tests.tell('a', 'set local my.secret = ''of ann''');
select tests.tell('a', 'commit');
select is(tests.tell('a', 'select coalesce(current_setting(''my.secret'', true), '''')'), '', 'no setting of an application stays');
select is(tests.tell('a', 'select count(*) from pg_cursors'), '0', 'no cursor');
select is(tests.tell('a', 'select count(*) from pg_locks where pid = pg_backend_pid() and locktype = ''advisory'''), '0', 'no lock');
select is(tests.tell('a', 'select count(*) from pg_prepared_statements'), '0', 'no prepared statement');

-- ================================================================ 4. No context, no rows, and a message.
create temporary table without as select outcome.* from tests.open('reporting', 'shop_reporting'), lateral tests.try('reporting', 'select count(*) from shop.patient') outcome;
select is(concat_ws(' / ', code, message, hint), '42501 / no tenant context in this transaction / Call tenancy.attach(token) as the first statement of the transaction.', 'the message says what to do') from without;
select is(tests.sqlstate_of('reporting', 'select count(*) from shop.reading'), '42501', 'it is there for every protected table');
select is(tests.sqlstate_of('reporting', 'select count(*) from shop.patient where tenant_id = 1'), '42501', 'also with a condition of the caller''s own');
set role shop_owner;
select throws_ok('select count(*) from shop.patient', '42501', null, 'for the owner too');
reset role;
-- Its comment notes how the table was before; it goes with the policy, and other tests want it.
create temporary table note as select obj_description(p.oid, 'pg_policy') as text from pg_policy p where p.polrelid = 'shop.patient'::regclass and p.polname = 'tenancy_tenant';
drop policy tenancy_tenant on shop.patient;
select is(tests.tell('reporting', 'select count(*) from shop.patient'), '0', 'without the policy there are still no rows, but also no message');
select is(step, 'create policy', 'protect puts it back') from tenancy.protect('shop.patient') where step not like 'left:%';
select format('comment on policy tenancy_tenant on shop.patient is %L', text) from note \gexec

-- ================================================================ 5. What ends access, ends it on the next transaction.
create temporary table held as select tests.token('ann') as ann, tests.token('eve') as eve, tests.token('hal') as hal, tests.token('bob') as bob, tests.token('ian') as ian;
create function pg_temp.attach(token text) returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('b', 'begin');
  outcome := tests.sqlstate_of('b', format('select tenancy.attach(%L)', token));
  if outcome = '00000' then
    outcome := tests.tell('b', 'select coalesce(min(tenant_id) || '' to '' || max(tenant_id), ''nothing'') from shop.patient');
  end if;
  perform tests.tell('b', 'rollback');
  return outcome;
end
$$;
select is((select pg_temp.attach(hal) from held), '5 to 5', 'hal has access from another connection');
update shop.account set disabled = true where user_name = 'hal';
select is((select pg_temp.attach(hal) from held), '28000', 'a disabled account has none on its next transaction');
update shop.account set disabled = false where user_name = 'hal';
select is((select pg_temp.attach(hal) from held), '5 to 5', 'enabled again it has');
delete from shop.membership where user_id = (select id from shop.account where user_name = 'hal');
select is((select pg_temp.attach(hal) from held), '28000', 'a removed membership ends it');
insert into shop.membership select id, 5, 'member' from shop.account where user_name = 'hal';
select is((select pg_temp.attach(hal) from held), '5 to 5', 'a new one begins it');
select is((select tests.tell('a', format('select tenancy.logout(%L)', hal)) from held), 't', 'a session is ended');
select is((select pg_temp.attach(hal) from held), '28000', 'and refused');

select is((select pg_temp.attach(eve) from held), '1 to 300', 'an admin sees all');
update shop.account set is_admin = false where user_name = 'eve';
select is((select tests.sqlstate_of('b', format('begin; select tenancy.attach(%L); select count(*) from shop.patient', eve)) from held), '42501', 'who is no admin any more sees nothing');
select tests.tell('b', 'rollback');
update shop.account set is_admin = true where user_name = 'eve';
select is((select pg_temp.attach(eve) from held), '1 to 300', 'and again all');

insert into shop.account (user_name, password_hash) values ('zoe', crypt('zoe-secret', gen_salt('bf', 4)));
insert into shop.membership select id, 9, 'member' from shop.account where user_name = 'zoe';
create temporary table zoe as select tests.token('zoe') as token;
select is((select pg_temp.attach(token) from zoe), '9 to 9', 'a new account has access');
delete from shop.account where user_name = 'zoe';
select is((select pg_temp.attach(token) from zoe), '28000', 'a deleted one has none');

-- It reaches open connections with prepared plans and old snapshots, but not a transaction that has begun.
select tests.begin_as('a', 'ian');
update shop.account set disabled = true where user_name = 'ian';
select is(tests.tell('a', 'select count(*) from shop.patient'), '5', 'a transaction that has begun goes on');
select tests.tell('a', 'commit');
select is((select pg_temp.attach(ian) from held), '28000', 'the next one is refused');
update shop.account set disabled = false where user_name = 'ian';

select * from finish();
