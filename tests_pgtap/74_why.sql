-- tenancy.why(): each reason, told to who may know it. A tenant gets one answer for a row of others and for none; an owner's
-- code never runs as the superuser who asks.

select plan(96);
create role tests_both login in role tenancy_gateway, tenancy_operator;
insert into tests.login (name) values ('tests_both');
select format('alter role tests_both password %L', password) from tests.login where name = 'tests_both' \gexec

-- What the first row of an answer says, and all of its reasons.
create function tests.reasons(connection text, user_name text, question text) returns text language plpgsql as
$$
declare
  answer text;
begin
  if user_name is null then
    perform tests.tell(connection, 'begin');
  else
    perform tests.begin_as(connection, user_name);
  end if;
  answer := tests.tell(connection, 'select string_agg(reason, '' '') from ' || question);
  perform tests.tell(connection, 'rollback');
  return answer;
end
$$;
create function tests.answer(connection text, user_name text, question text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform tests.begin_as(connection, user_name);
  answer := tests.tell(connection, 'select string_agg(concat_ws('' | '', reason, explanation, hint), E''\n'') from ' || question);
  perform tests.tell(connection, 'rollback');
  return answer;
end
$$;

select tests.open('a', 'shop_gateway');
select tests.open('own', 'shop_owner');
select tests.open('op', 'shop_operator');
select tests.open('rep', 'shop_reporting');
select tests.open('both', 'tests_both');
select 'tenancy.why(' || 'shop.patient'::regclass::oid || ', ''2'')' as "foreign", 'tenancy.why(' || 'shop.patient'::regclass::oid || ', ''999999'')' as missing \gset

-- ---------------------------------------------------------------- a tenant
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.patient'', ''1'')'), 'visible', 'a tenant sees a row of its own, and is told so');
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.patient'', ''{"id": 1, "name": "patient 1 of tenant 1"}''::jsonb)'), 'visible', 'also by columns');
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.patient'', 1)'), 'visible', 'a number needs no quotes');
select is(tests.reasons('a', 'ann', :'foreign'), 'not_yours_or_not_there', 'a row of others is not his or not there');
select is(tests.answer('a', 'ann', :'foreign'), tests.answer('a', 'ann', :'missing'), 'word for word the answer for a row that is not there');
select doesnt_match(tests.answer('a', 'ann', :'foreign'), '\m2\M', 'and it names no tenant');
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.patient'', ''{"note": "secret of tenant 2"}''::jsonb)'), 'not_yours_or_not_there', 'asking by a value does not tell that others have it');
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.patient'', ''{"note": null, "id": 1}''::jsonb)'), 'not_yours_or_not_there', 'NULL is a value like others');
select is(tests.reasons('a', 'cyd', :'foreign'), 'no_tenant', 'who has not chosen a tenant is told to');
select is(tests.reasons('a', null, :'foreign'), 'no_context', 'a login without a context is told to attach, and no more');
select is(tests.reasons('a', null, :'missing'), 'no_context', 'whatever row it asks for');
select is(tests.reasons('rep', null, :'foreign'), 'no_context', 'so is a reporting role');
select tests.tell('rep', 'set tenancy.on_missing_context = empty');
select is(tests.reasons('rep', null, :'foreign'), 'no_context', 'also where a missing context gives no rows');
select is(tests.answer('a', 'eve', :'foreign'), 'visible | You see it. It belongs to tenant 2.', 'a bypass sees it, and an admin is told whose it is');
select is(tests.reasons('a', 'eve', :'missing'), 'no_such_row', 'and what is not there');
select tests.tell('own', 'create policy not_today on shop.patient as restrictive using (id <> 2)');
select is(tests.reasons('a', 'eve', :'foreign'), 'not_yours_or_not_there', 'but nothing of a row that a policy of the application hides from admins');
select tests.tell('own', 'drop policy not_today on shop.patient');
select tests.tell('own', 'revoke select on shop.patient from tenancy_admin');
select tests.tell('own', 'grant select (id, name) on shop.patient to tenancy_admin');
select is(tests.answer('a', 'eve', :'foreign'), 'visible | You see it.', 'who may not read the tenant column is not told whose row it is');
select tests.tell('own', 'revoke select (id, name) on shop.patient from tenancy_admin');
select tests.tell('own', 'grant select on shop.patient to tenancy_admin');

-- ---------------------------------------------------------------- who answers for the table
select is(tests.reasons('own', null, :'foreign'), 'no_context row_of_tenant', 'the owner is told whose row it is');
select matches(tests.tell('own', 'select explanation from ' || :'foreign' || ' where reason = ''row_of_tenant'''), 'tenant 2\.', 'by its tenant');
select is(tests.reasons('own', null, :'missing'), 'no_such_row', 'and that there is none');
select is(tests.reasons('op', null, :'foreign'), 'no_context row_of_tenant', 'so is an operator');
select is(tests.reasons('op', null, :'missing'), 'no_such_row', 'of a row that is not there, too');
select is((select string_agg(reason, ' ') from tenancy.why('shop.patient', '2')), 'visible', 'a superuser sees every row');
select matches((select explanation from tenancy.why('shop.patient', '2')), 'superuser.* tenant 2\.', 'and is told why, and whose it is');
select is((select string_agg(reason, ' ') from tenancy.why('shop.patient', '999999')), 'no_such_row', 'or that there is none');
select is(tests.reasons('op', null, format('tenancy.why(%s, ''{"note": "secret of tenant 2"}''::jsonb)', 'shop.patient'::regclass::oid)), 'no_context',
          'an operator asks by the primary key alone: other columns'' values are not told');
select is(tests.sqlstate_of('op', 'select tenancy.look_past_policies(' || 'shop.account'::regclass::oid || ', ''{"id": 1}'', false)'), '42501',
          'and not in tables without row security');
select is(tests.sqlstate_of('op', 'select tenancy.look_past_policies(''pg_authid'', ''{"oid": 10}'', false)'), '42501', 'nor in the catalog');
select is(tests.sqlstate_of('own', 'select tenancy.look_past_policies(' || 'tenancy.session'::regclass::oid || ', ''{"id": null}'', false)'), '42501',
          'nor does the owner of the database look into the sessions');

-- ---------------------------------------------------------------- the look itself refuses
select is(tests.sqlstate_of('rep', 'select tenancy.look_past_policies(''shop.patient'', ''{"id": 2}'', false)'), '42501', 'a reporting role may not look past the policies');
select is(tests.sqlstate_as('a', 'ann', 'select tenancy.look_past_policies(''shop.patient'', ''{"id": 2}'', false)'), '42501', 'nor a tenant');
select is(tests.sqlstate_as('both', 'ann', 'select tenancy.look_past_policies(''shop.patient'', ''{"id": 2}'', false)'), '42501', 'nor a tenant whose login is an operator''s');
select is(tests.sqlstate_as('both', 'eve', 'select tenancy.look_past_policies(''shop.patient'', ''{"id": 2}'', false)'), '00000', 'who may in a bypass');
select is(tests.reasons('both', 'ann', :'foreign'), 'not_yours_or_not_there', 'so the answer in a tenant''s context stays the same');
select tests.tell('own', 'create function shop.owners_look() returns jsonb language sql security definer as $$select tenancy.look_past_policies(''shop.patient'', ''{"id": 2}'', false)$$');
select tests.tell('own', 'grant execute on function shop.owners_look() to public');
select is(tests.sqlstate_as('a', 'ann', 'select shop.owners_look()'), '42501', 'nor a function of the owner, called in a tenant''s context');
select tests.tell('own', 'drop function shop.owners_look()');
create schema den authorization shop_stranger;
grant usage on schema den to public;
set role shop_stranger;
create function den.lens() returns jsonb language sql security definer as $$select tenancy.look_past_policies('shop.patient'::text::regclass, '{"id": 2}', false)$$;
reset role;
grant usage on schema shop to shop_stranger;
select is(tests.sqlstate_of('op', 'select den.lens()'), '42501', 'nor a stranger''s function that an operator calls');
revoke usage on schema shop from shop_stranger;

-- ---------------------------------------------------------------- rights
create table shop.note (id int primary key, tenant_id bigint, body text);
alter table shop.note owner to shop_owner;
insert into shop.note values (1, 1, 'x');
select count(*) from tenancy.protect('shop.note');
revoke select on shop.note from tenancy_user;
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.note'', ''1'')'), 'missing_grant', 'a missing right on the table is named');
select tests.begin_as('a', 'ann');
select tests.tell('a', 'select hint from tenancy.why(''shop.note'', ''1'')') as mend \gset
select tests.tell('a', 'rollback');
:mend;
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.note'', ''1'')'), 'visible', 'its hint mends it');
revoke select on shop.note from tenancy_user;
grant select (body, tenant_id) on shop.note to tenancy_user;
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.note'', ''1'')'), 'missing_grant', 'a missing right on the column that is asked for is named');
select tests.begin_as('a', 'ann');
select tests.tell('a', 'select hint from tenancy.why(''shop.note'', ''1'')') as mend \gset
select tests.tell('a', 'rollback');
select is(:'mend'::text, 'grant select (id) on shop.note to tenancy_user', 'with the GRANT for just that column');
:mend;
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.note'', ''1'')'), 'visible', 'which is enough');
revoke usage on schema shop from tenancy_user;
select is(tests.reasons('a', 'ann', 'tenancy.why(' || 'shop.note'::regclass::oid || ', ''1'')'), 'missing_grant', 'a missing right on the schema is named');
grant usage on schema shop to tenancy_user;
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.account'', ''1'')'), 'missing_grant not_protected', 'a table that is not protected is called so');
select is(tests.tell_as('a', 'ann', 'select count(*) from tenancy.why(''shop.account'', ''1'') where hint like ''grant%'''), '0', 'and nobody is advised to grant it to tenants as it is');
select is((select string_agg(reason, ' ') from tenancy.why('shop.account', '1')), 'visible not_protected', 'nor is it protected for a superuser');

-- ---------------------------------------------------------------- other policies
create policy not_archived on shop.patient as restrictive for select to public using (note is distinct from 'archived');
update shop.patient set note = 'archived' where id = 1;
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.patient'', ''1'')'), 'not_yours_or_not_there', 'a row of the same tenant that another policy hides stays hidden');
select is(tests.answer('a', 'ann', 'tenancy.why(''shop.patient'', ''1'')'), tests.answer('a', 'ann', :'missing'), 'with the same answer');
select is(tests.reasons('both', 'eve', 'tenancy.why(''shop.patient'', ''1'')'), 'policy row_of_tenant', 'an operator in a bypass is told of the policy that hides it');
select matches(tests.answer('both', 'eve', 'tenancy.why(''shop.patient'', ''1'')'), 'not_archived', 'by its name');
update shop.patient set note = 'secret of tenant 1' where id = 1;
drop policy not_archived on shop.patient;
create function shop.refuses() returns boolean language plpgsql stable as $$begin raise exception using errcode = 'insufficient_privilege', message = 'closed on Sundays', hint = 'Come on Monday.'; end$$;
create policy closed on shop.patient as restrictive for select to public using (shop.refuses());
select is(tests.answer('a', 'ann', 'tenancy.why(''shop.patient'', ''1'')'), 'policy_error | Looking at it was refused: closed on Sundays. | Come on Monday.', 'a policy that raises an error is quoted');
drop policy closed on shop.patient;
drop function shop.refuses();

-- Rows that belong to a user: the owner's column stands second in the policies.
create table shop.draft (id int primary key, tenant_id bigint, owner_id bigint);
insert into shop.draft select n, 1, a.id from shop.account a, (values (1, 'ann'), (2, 'fay')) v (n, name) where a.user_name = v.name;
select count(*) from tenancy.protect('shop.draft');
alter policy tenancy_tenant on shop.draft using ((tenant_id = tenancy.tenant_bigint()) and (owner_id = tenancy.user_bigint()));
alter policy tenancy_wall on shop.draft using ((tenant_id = tenancy.tenant_bigint()) and (owner_id = tenancy.user_bigint()));
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.draft'', ''1'')'), 'visible', 'a user sees a row of his own');
select is(tests.answer('a', 'ann', 'tenancy.why(''shop.draft'', ''2'')'), tests.answer('a', 'ann', 'tenancy.why(''shop.draft'', ''3'')'), 'another user''s row in the same tenant is not his or not there');
select matches((select explanation from tenancy.why('shop.draft', '2')), 'user \d+ of tenant 1', 'who answers for the table is told the user too');

-- ---------------------------------------------------------------- keys of all kinds
create type shop.grade as enum ('a', 'b');
create domain shop.code as text check (value <> '');
create collation shop.same_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table shop.keys (tenant_id bigint not null, n numeric, u uuid, g shop.grade, c shop.code, d timestamptz, ci text collate shop.same_case, "Mixed ""case" char(5), v varchar(5), b boolean,
                        primary key (tenant_id, n, g, c));
insert into shop.keys values (1, 1.50, '11111111-1111-1111-1111-111111111111', 'a', 'x', '2026-01-01 00:00+00', 'ABC', 'q', 'w', true);
select count(*) from tenancy.protect('shop.keys');
select is((select reason from tenancy.why('shop.keys', '1', '1.5', 'a', 'x')), 'visible', 'a composite key is given in its order');
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.keys'', ''1.5'', ''a'', ''x'')'), 'visible', 'in a tenant''s context the tenant may be left out');
select is((select reason from tenancy.why('shop.keys', key)), 'visible', format('found by %s', key))
  from (values ('{"u": "11111111111111111111111111111111"}'::jsonb), ('{"g": "a"}'), ('{"c": "x"}'), ('{"d": "2026-01-01 01:00+01"}'), ('{"ci": "abc"}'),
               ('{"Mixed \"case": "q"}'), ('{"v": "w"}'), ('{"b": true}'), ('{"n": 1.5}')) as k (key);
create table shop.part (id int, tenant_id bigint not null, primary key (id, tenant_id)) partition by list (tenant_id);
create table shop.part_1 partition of shop.part for values in (1);
insert into shop.part values (1, 1);
select count(*) from tenancy.protect('shop.part');
select matches(tests.answer('a', 'ann', 'tenancy.why(''shop.part_1'', ''1'')'), 'missing_grant.*parent shop\.part', 'who asks for a partition is sent to its parent');
select is(tests.reasons('a', 'ann', 'tenancy.why(''shop.part'', ''1'')'), 'visible', 'where the row is');

-- ---------------------------------------------------------------- a hostile owner and a superuser who asks
set role shop_stranger;
create function den.tell_if_root(what text) returns boolean language plpgsql immutable as
$$begin
  perform set_config('application_name', 'den', false);
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then raise exception '% ran as a superuser', what; end if;
  return true;
end$$;
create type den.trap as enum ('a');
create function den.spring(den.trap) returns text language plpgsql immutable as $$begin perform den.tell_if_root('a cast'); return 'a'; end$$;
create cast (den.trap as text) with function den.spring(den.trap);
create function den.spring_json(den.trap) returns json language plpgsql immutable as $$begin perform den.tell_if_root('a cast to json'); return '"a"'; end$$;
create cast (den.trap as json) with function den.spring_json(den.trap);
create table den.hole (id den.trap primary key, tenant_id bigint);
insert into den.hole values ('a', 1);
create index on den.hole ((den.tell_if_root('an index')));
alter table den.hole enable row level security, force row level security;
create policy p on den.hole using (den.tell_if_root('a policy'));
reset role;
select throws_ok('select id::text from den.hole', 'P0001', null, 'a superuser who queries a hostile table runs its code');
select lives_ok($$select * from tenancy.why('den.hole', 'a')$$, 'who asks why, does not');
select is((select string_agg(reason, ' ') from tenancy.why('den.hole', 'a')), 'visible not_protected', 'and gets an answer');
select lives_ok($$select * from tenancy.why_write('den.hole', '{"id": "a"}', '{"id": "a"}')$$, 'nor does who asks of a write');
select lives_ok($$select tenancy.look_past_policies('den.hole', '{"id": "a"}', true)$$, 'nor who asks for the policies');
select lives_ok($$select tenancy.refusing_policies('den.hole', 'select', '{"id": "a"}', false)$$, 'by any function');
select isnt(current_setting('application_name'), 'den', 'a setting that the hostile code changed is as it was');

-- And an operator, or the owner of the database: code of another owner does not run at all.
set role shop_stranger;
create function den.lure() returns boolean language plpgsql stable as
$$begin
  if session_user in ('shop_operator', 'shop_owner') then
    perform tenancy.look_past_policies('shop.patient'::text::regclass, '{"id": 2}', false);
    raise exception 'looked as %', session_user;
  end if;
  return true;
exception when insufficient_privilege then
  raise insufficient_privilege using message = 'the trap did not close';
end$$;
create table den.bait (id int primary key);
insert into den.bait values (1);
alter table den.bait enable row level security;
create policy p on den.bait using (den.lure());
grant select on den.bait to public;
reset role;
grant usage on schema shop to shop_operator;
select is(tests.sqlstate_of('op', 'select * from den.bait'), 'P0001', 'an operator who queries a hostile table lends his eyes to its owner');
select is(tests.reasons('op', null, 'tenancy.why(''den.bait'', 1)'), 'not_tried not_protected', 'who asks why, does not');
create table den.loot (who name);
grant insert on den.loot to public;
set role shop_stranger;
create function den.grab(value text) returns boolean language plpgsql as $$begin insert into den.loot values (current_user); return true; end$$;
create domain den.worn as text check (den.grab(value));
create table den.shelf (id int primary key, tenant_id bigint, worn den.worn);
insert into den.shelf values (1, 1);
alter table den.shelf enable row level security;
create policy p on den.shelf using (den.grab('policy'));
grant select, insert, update on den.shelf to public;
reset role;
delete from den.loot;
select tests.open('dbo', 'shop_owner');
select is(tests.tell('dbo', 'insert into den.shelf values (2, 2, ''x'')'), 'INSERT 0 1', 'the owner of the database who writes to a hostile table');
select is((select count(distinct who) from den.loot where who = 'shop_owner'), 1::bigint, 'lends his rights to its owner');
delete from den.loot;
select is(tests.reasons('dbo', null, 'tenancy.why(''den.shelf'', 1)'), 'not_tried not_protected', 'who asks why is told that it was not tried');
select is(tests.reasons('dbo', null, $$tenancy.why_write('den.shelf', '{"id": 3, "tenant_id": 1, "worn": "x"}')$$), 'not_tried', 'and who asks of a write');
select is(tests.reasons('op', null, $$tenancy.why_write('den.shelf', '{"id": 3, "tenant_id": 1, "worn": "x"}')$$), 'not_tried', 'an operator too');
select is((select count(*) from den.loot), 0::bigint, 'and nothing of the owner''s has run');
select tests.close('dbo');
set role shop_stranger;
alter policy p on den.bait using (id = 1);
insert into den.bait values (2);
reset role;
select is(tests.reasons('op', null, 'tenancy.why(''den.bait'', 1)'), 'visible not_protected', 'and is told that he sees a row');
select is(tests.reasons('op', null, 'tenancy.why(''den.bait'', 2)'), 'policy not_protected', 'or which policy hides it');
select is(tests.reasons('op', null, 'tenancy.why(''den.bait'', 3)'), 'no_such_row', 'or that it is not there');
revoke select on den.bait from public;
select is(tests.reasons('op', null, 'tenancy.why(''den.bait'', 1)'), 'missing_grant not_protected', 'or that he has no right to it');
revoke usage on schema shop from shop_operator;

-- ---------------------------------------------------------------- nothing changes, and bad input
begin;
select count(*) from tenancy.why('shop.patient', '2');
select count(*) from tenancy.why('shop.patient', '999999');
select is(pg_current_xact_id_if_assigned(), null, 'a question writes nothing');
rollback;
create table shop.without_key (id int);
select throws_ok(question, code, null, question)
  from (values ($$select tenancy.why(null, '1')$$, '22004'), ($$select tenancy.why(1, '1')$$, '42P01'), ($$select tenancy.why('shop.accounts', '1')$$, '42809'),
               ($$select tenancy.why('shop.patient', '1', '2')$$, '22023'), ($$select tenancy.why('shop.without_key', '1')$$, '22023'),
               ($$select tenancy.why('shop.patient', '{"nothing": 1}'::jsonb)$$, '42703'), ($$select tenancy.why('shop.patient', '{"ctid": 1}'::jsonb)$$, '42703'),
               ($$select tenancy.why('shop.patient', '[]'::jsonb)$$, '22023'), ($$select tenancy.why('shop.patient', '{}'::jsonb)$$, '22023'),
               ($$select tenancy.why('shop.patient', 'x')$$, '22P02')) as v (question, code);

drop table shop.note, shop.draft, shop.keys, shop.part, shop.without_key;
drop type shop.grade, shop.code;
drop collation shop.same_case;
set client_min_messages = warning;
drop schema den cascade;
select tests.close('both');
drop owned by tests_both;
drop role tests_both;
delete from tests.login where name = 'tests_both';
drop function tests.reasons(text, text, text), tests.answer(text, text, text);
select * from finish();
