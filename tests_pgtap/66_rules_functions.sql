-- tenancy.check() on code: SECURITY DEFINER functions, dynamic SQL, functions that switch row security, event triggers.
-- Where it says "really", the attack is run in ann's context, before and after the mend.

select tests.attach_as('ann') as attach_ann \gset

begin;
set local client_min_messages = warning;
select plan(121);

select is_empty($$
  select c.rule, c.object from tenancy.check(array['definer_search_path_not_pinned', 'definer_owned_by_bypassing_role',
      'definer_reads_protected_table', 'dynamic_sql_concatenation', 'rls_switch_function_callable', 'event_trigger_weak']::name[]) c$$,
  'a protected schema without functions of its own is clean');

-- ---------------------------------------------------------------- definer_search_path_not_pinned
create function shop.visits() returns bigint language plpgsql security definer as $$ begin return (select count(*) from patient); end $$;
alter function shop.visits() owner to shop_owner;
revoke execute on function shop.visits() from public;
select * from tests.rule_story('definer_search_path_not_pinned', 'function shop.visits()', 'grant execute on function shop.visits() to tenancy_user');
select is((select p.proconfig from pg_proc p where p.oid = 'shop.visits()'::regprocedure), array['search_path=pg_catalog, shop, pg_temp'],
          'the mend pins it to its own schema');
alter function shop.visits() reset all;
grant execute on function shop.visits() to public;
select isnt_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'PUBLIC, who has EXECUTE by default, is an attacker as well');
revoke usage on schema shop from tenancy_user, tenancy_admin;
select is_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'a function that attackers cannot name is left alone');
alter table shop.membership alter column role set default shop.visits();
select isnt_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'unless a default calls it for them');
alter table shop.membership alter column role drop default;
grant usage on schema shop to tenancy_user, tenancy_admin;
-- Really: shop_gateway's temporary table comes before the schema that is named first.
alter function shop.visits() set search_path = shop;
select ok(gain ~ 'by a temporary table or type' and mend ~ '= pg_catalog, shop, pg_temp$', 'without pg_temp at the end it says what comes first')
  from tests.findings('definer_search_path_not_pinned', 'function shop.visits()');
savepoint before;
create temporary table patient (id bigint);
insert into patient select generate_series(1, 7);
grant select on patient to public;
:attach_ann \gset ignored_
select shop.visits() as n \gset
rollback to before;
select is(:n, 7, 'an attacker''s temporary table is really read in the place of shop.patient');
select mend from tests.findings('definer_search_path_not_pinned', 'function shop.visits()') \gset
:mend;
savepoint before;
create temporary table patient (id bigint);
grant select on patient to public;
:attach_ann \gset ignored_
select shop.visits() as n \gset
rollback to before;
select is(:n, 5, 'and not after the mend');
select is_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'which the rule agrees to');
alter function shop.visits() set search_path = 'shop, pg_temp';
select isnt_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'one name with a comma in it is not two names');
alter function shop.visits() set search_path = '';
select isnt_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'an empty one still finds temporary types first');
savepoint before;
select format('revoke temporary on database %I from public', current_database()) as statement \gset
:statement;
select is_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'but not where attackers make no temporary objects');
rollback to before;
create schema "Open to All";
grant usage, create on schema "Open to All" to public;
alter function shop.visits() set search_path = shop, pg_temp;
select * from tests.rule_story('definer_search_path_not_pinned', 'function shop.visits()',
  'alter function shop.visits() set search_path = shop, "Open to All", pg_temp');
select is((select p.proconfig from pg_proc p where p.oid = 'shop.visits()'::regprocedure), array['search_path=pg_catalog, shop, pg_temp'],
          'the mend leaves the schema out in which attackers may create');
create function shop.settled() returns bigint language sql security definer begin atomic select count(*) from shop.patient; end;
select is_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'a body in SQL''s own syntax has its names resolved');
alter function shop.visits() security invoker reset all;
select is_empty($$select * from tests.findings('definer_search_path_not_pinned')$$, 'a function with the caller''s rights is left alone');
drop function shop.visits();
drop function shop.settled();

-- ---------------------------------------------------------------- definer_owned_by_bypassing_role
create function shop.count_all() returns bigint language sql security definer set search_path = shop, pg_temp as $$ select count(*) from patient $$;
savepoint before;
:attach_ann \gset ignored_
select shop.count_all() as n \gset
rollback to before;
select is(:n, 1500, 'a superuser''s function really counts all tenants'' patients for ann');
revoke execute on function shop.count_all() from public;
select * from tests.rule_story('definer_owned_by_bypassing_role', 'function shop.count_all()', 'grant execute on function shop.count_all() to tenancy_user');
savepoint before;
:attach_ann \gset ignored_
select shop.count_all() as n \gset
rollback to before;
select is(:n, 5, 'and her own after the mend');
select is((select p.proowner::regrole::text from pg_proc p where p.oid = 'shop.count_all()'::regprocedure), 'shop_owner', 'which gives it to the schema''s owner');
select is_empty($$select c.rule, c.object from tenancy.check(array['definer_owned_by_bypassing_role', 'definer_reads_protected_table']::name[]) c$$,
  'whom FORCE holds, so that his definer functions are left alone');
create role shop_bypass bypassrls;
alter function shop.count_all() owner to shop_bypass;
select isnt_empty($$select * from tests.findings('definer_owned_by_bypassing_role')$$, 'an owner with BYPASSRLS is found');
alter role shop_bypass nobypassrls;
grant pg_write_server_files to shop_bypass;
select isnt_empty($$select * from tests.findings('definer_owned_by_bypassing_role')$$, 'and one who writes files of the server');
revoke pg_write_server_files from shop_bypass;
select is_empty($$select * from tests.findings('definer_owned_by_bypassing_role')$$, 'an ordinary one is left alone');
alter function shop.count_all() owner to shop_owner;

-- ---------------------------------------------------------------- definer_reads_protected_table
select * from tests.rule_story('definer_reads_protected_table', 'function shop.count_all()', 'alter table shop.patient no force row level security');
alter table shop.patient no force row level security;
savepoint before;
:attach_ann \gset ignored_
select shop.count_all() as n \gset
rollback to before;
select is(:n, 1500, 'without FORCE the owner''s function really counts all tenants'' patients for ann');
select mend from tests.findings('definer_reads_protected_table', 'function shop.count_all()') \gset
:mend;
savepoint before;
:attach_ann \gset ignored_
select shop.count_all() as n \gset
rollback to before;
select is(:n, 5, 'and her own after the mend');
alter table shop.reading no force row level security;
select is_empty($$select * from tests.findings('definer_reads_protected_table')$$, 'a function that does not name the table is left alone');
create function shop.exactly() returns bigint language sql security definer begin atomic select count(*) from shop.reading; end;
alter function shop.exactly() owner to shop_owner;
select isnt_empty($$select * from tests.findings('definer_reads_protected_table', 'function shop.exactly()')$$, 'a body in SQL''s own syntax is known exactly');
alter table shop.reading force row level security;
drop function shop.exactly();
-- A role that a policy lets see more.
create policy for_reports on shop.patient for select to shop_reporting using (true);
select * from tests.rule_story('definer_reads_protected_table', 'function shop.count_all()', 'grant shop_reporting to shop_owner');
revoke shop_reporting from shop_owner;
grant execute on function shop.count_all() to public;
drop policy for_reports on shop.patient;
-- A view and a materialized view that the owner reads and tenants do not.
create view shop.patient_everywhere as select * from shop.patient;
grant select on shop.patient_everywhere to shop_owner;
create or replace function shop.count_all() returns bigint language sql security definer set search_path = shop, pg_temp as $$ select count(*) from patient_everywhere $$;
savepoint before;
:attach_ann \gset ignored_
select shop.count_all() as n \gset
rollback to before;
select is(:n, 1500, 'through a superuser''s view it really counts them all');
select mend from tests.findings('definer_reads_protected_table', 'function shop.count_all()') \gset
:mend;
select is_empty($$select * from tests.findings('definer_reads_protected_table')$$, 'which its mend ends');
drop view shop.patient_everywhere;
create materialized view shop.patient_everywhere as select * from shop.patient;
select is_empty($$select * from tests.findings('definer_reads_protected_table')$$, 'a materialized view that its owner may not read is none');
select * from tests.rule_story('definer_reads_protected_table', 'function shop.count_all()', 'grant select on shop.patient_everywhere to shop_owner');
drop materialized view shop.patient_everywhere;
drop function shop.count_all();

-- ---------------------------------------------------------------- dynamic_sql_concatenation
-- Each line: the body of a function run(which text, relation regclass, amount integer), and whether it is one.
create temporary table body (is_hole boolean, source text);
insert into body values
  (true,  $$begin execute 'select * from ' || which; end$$),
  (true,  $$begin execute which; end$$),
  (true,  $$begin EXECUTE format('select * from %s where id = %L', which, amount); end$$),
  (true,  $$begin execute format('select %2$s from %1$I', 'x', which); end$$),
  (true,  $$declare q text := 'select 1'; begin q := q || ' where name = ''' || which || ''''; execute q; end$$),
  (true,  $$declare q text; c text; begin c := ' where ' || which; q := 'select 1' || c; execute q using amount; end$$),
  (true,  $$declare q text; begin select 'select ' || which into q; execute q; end$$),
  (true,  $$begin execute concat('select ', which); end$$),
  (true,  $$begin execute 'select ' || case when amount > 1 then which else '1' end; end$$),
  (true,  $$begin execute 'select ' || upper(which); end$$),
  (true,  $$declare r record; begin for r in execute 'select ' || $1 loop null; end loop; end$$),
  (true,  $$declare q text; begin for q in select name from shop.patient loop execute 'select ' || q; end loop; end$$),
  (true,  $$begin execute format('select ' || which || ' from %I', 'x'); end$$),
  (true,  $$begin execute format('select %s', format('1, %s', which)); end$$),
  (true,  $$begin execute format('select %s from %I', coalesce(which, '*'), which); end$$),
  (false, $$begin execute format('select %s from %I', coalesce(quote_ident(which), '*'), which); end$$),
  (false, $$begin execute 'select ' || array_to_string(array(select quote_ident(a) from unnest(array[which]) a), ', '); end$$),
  (false, $$begin execute format('select %s', format('%I', which)); end$$),
  (false, $$begin execute 'select * from ' || quote_ident(which) || ' where ' || quote_literal(lower(which)); end$$),
  (false, $$begin execute format('select * from %I where name = %L', which, which); end$$),
  (false, $$begin execute format('select * from %s limit %s', relation, amount); end$$),
  (false, $$begin execute 'select * from ' || relation || ' limit ' || amount; end$$),
  (false, $$begin execute 'select * from ' || which::regclass || ' limit ' || $3; end$$),
  (false, $$begin execute 'select name from shop.patient where name = $1' using which || '%'; end$$),
  (false, $$begin execute 'select 1' || ' where true'; raise notice '%', 'executed ' || which; end$$),
  (false, $$begin -- execute 'select ' || which
          null; /* execute 'select ' || which; */ end$$),
  (false, $$declare q text := format('select %I', which); begin if amount > 1 then q := q || ' where true'; end if; execute q; end$$),
  (false, $$begin execute 'select ' || case when which = 'a' then 'id' else 'name' end || ' from shop.patient'; end$$),
  (false, $$declare n integer; begin for i in 1..amount loop execute 'select ' || i; end loop; end$$),
  (false, $$begin execute format('select %s', string_agg(quote_ident(a), ', ')) from unnest(array[which]) a; end$$),
  (false, $$begin execute $q$select 100 %% 7 || 'execute; '$q$; raise exception 'not to execute: %', which || '!'; end$$),
  (false, $$begin perform format('%s', which) || 'x'; end$$);
create function pg_temp.is_found(source text) returns boolean language plpgsql as
$$
begin
  execute format('create or replace function shop.run(which text, relation regclass, amount integer) returns void language plpgsql as %L', source);
  return exists (select from tests.findings('dynamic_sql_concatenation', 'function shop.run(text,regclass,integer)'));
end
$$;
select is(pg_temp.is_found(b.source), b.is_hole, format('%s: %s', case when b.is_hole then 'text becomes a statement' else 'harmless' end, replace(b.source, E'\n', ' '))) from body b;
create or replace function shop.run(which text, relation regclass, amount integer) returns void language plpgsql as $$begin execute which; end$$;
select ok(gain ~ 'in another''s context', 'with the caller''s rights it says what a stored text does') from tests.findings('dynamic_sql_concatenation');
alter function shop.run(text, regclass, integer) security definer;
select ok(gain ~ 'with the rights of', 'SECURITY DEFINER is worse, and said so') from tests.findings('dynamic_sql_concatenation');
revoke execute on function shop.run(text, regclass, integer) from public;
select is_empty($$select * from tests.findings('dynamic_sql_concatenation')$$, 'a function that attackers may not execute is left alone');
drop function shop.run(text, regclass, integer);
create function shop.audit() returns trigger language plpgsql as
  $$begin execute 'insert into shop.log_' || tg_table_name || ' values (''' || new.name || ''')'; return new; end$$;
revoke execute on function shop.audit() from public;
select is_empty($$select * from tests.findings('dynamic_sql_concatenation')$$, 'a trigger function without a trigger runs for nobody');
create trigger audit after insert on shop.patient for each row execute function shop.audit();
select isnt_empty($$select * from tests.findings('dynamic_sql_concatenation', 'function shop.audit()')$$, 'one on a table that tenants write needs no EXECUTE');
create or replace function shop.audit() returns trigger language plpgsql as
  $$begin execute format('insert into shop.log_%s values (%L)', tg_table_name, new.name); return new; end$$;
select is_empty($$select * from tests.findings('dynamic_sql_concatenation')$$, 'the name of its table is harmless');
drop function shop.audit() cascade;

-- ---------------------------------------------------------------- rls_switch_function_callable
create function shop.maintain() returns void language plpgsql security definer set search_path = shop, pg_temp as
  $$begin alter table patient disable row level security; end$$;
alter function shop.maintain() owner to shop_owner;
revoke execute on function shop.maintain() from public;
savepoint before;
grant execute on function shop.maintain() to tenancy_user;
:attach_ann \gset ignored_
select shop.maintain() \gset ignored_
select count(*) as n from shop.patient \gset
rollback to before;
select is(:n, 1500, 'with it ann really reads all tenants'' patients');
select * from tests.rule_story('rls_switch_function_callable', 'function shop.maintain()', 'grant execute on function shop.maintain() to tenancy_user');
grant execute on function shop.maintain() to tenancy_user;
create function pg_temp.switches(source text) returns boolean language plpgsql as
$$
begin
  execute format('create or replace function shop.maintain() returns void language plpgsql security definer set search_path = shop, pg_temp as %L', source);
  return exists (select from tests.findings('rls_switch_function_callable', 'function shop.maintain()'));
end
$$;
select is(pg_temp.switches(s.source), true, 'found: ' || s.source) from (values
  ('begin execute ''ALTER TABLE shop.patient NO  FORCE ROW LEVEL SECURITY''; end'),
  ('begin drop policy tenancy_wall on shop.patient; end'),
  ('begin set local row_security = off; end'),
  ('begin perform tenancy.unprotect(''shop.patient''); end')) s (source);
select is(pg_temp.switches('begin delete from shop.reading where amount < 0; end'), false, 'work on rows is left alone');
alter function shop.maintain() security invoker;
select is_empty($$select * from tests.findings('rls_switch_function_callable')$$, 'with the caller''s rights it does nothing for somebody who owns no table');
create or replace function shop.maintain() returns void language plpgsql security definer set search_path = shop, pg_temp as
  $$begin null; -- does not disable row level security
  end$$;
select is_empty($$select * from tests.findings('rls_switch_function_callable')$$, 'a comment switches nothing');
alter function shop.maintain() set row_security = off;
select isnt_empty($$select * from tests.findings('rls_switch_function_callable')$$, 'its SET clause does');
drop function shop.maintain();
create function shop.on_write() returns trigger language plpgsql security definer set search_path = shop, pg_temp as
  $$begin alter table patient no force row level security; return null; end$$;
select * from tests.rule_story('rls_switch_function_callable', 'function shop.on_write()',
  'create trigger on_write after insert on shop.patient execute function shop.on_write()');
drop function shop.on_write();

-- ---------------------------------------------------------------- event_trigger_weak
create function shop.watch() returns event_trigger language plpgsql as $$begin null; end$$;
create event trigger "Watch DDL" on ddl_command_end execute function shop.watch();
select is_empty($$select * from tests.findings('event_trigger_weak')$$, 'an event trigger of somebody else need not be ENABLE ALWAYS');
select * from tests.rule_story('event_trigger_weak', 'event trigger "Watch DDL"', 'alter function shop.watch() owner to shop_owner');
-- As one of ours.
alter event trigger "Watch DDL" enable always;
alter extension tenancy add event trigger "Watch DDL";
select * from tests.rule_story('event_trigger_weak', 'event trigger "Watch DDL"', 'alter event trigger "Watch DDL" disable');
select * from tests.rule_story('event_trigger_weak', 'event trigger "Watch DDL"', 'alter event trigger "Watch DDL" enable');
select * from tests.rule_story('event_trigger_weak', 'event trigger "Watch DDL"', 'alter event trigger "Watch DDL" enable replica');

-- ---------------------------------------------------------------- functions that other functions call for an attacker
create schema tests_hidden;
create function tests_hidden.reader(text, int) returns text language sql security definer set search_path = pg_catalog, pg_temp as 'select max(note) from shop.patient';
create function pg_temp.reached(statement text) returns bigint language plpgsql as
$$
declare
  n bigint;
begin
  execute statement;
  select count(*) into n from tests.findings('definer_owned_by_bypassing_role', 'function tests_hidden.reader(text,integer)');
  return n;
end
$$;
select is(pg_temp.reached('select'), 0::bigint, 'definer_owned_by_bypassing_role: silent on a function that nobody can name');
savepoint hidden;
select is(pg_temp.reached('create aggregate shop.peek(int) (sfunc = tests_hidden.reader, stype = text)'), 1::bigint, 'it tells of one that an aggregate calls');
rollback to hidden;
select is(pg_temp.reached('create function shop.peek() returns text language sql begin atomic select tests_hidden.reader(null, 1); end'), 1::bigint,
          'and of one that a body of SQL calls');
rollback to hidden;

-- ---------------------------------------------------------------- sources made to stop the check
create function pg_temp.told(body text) returns bigint language plpgsql as
$$
declare
  n bigint;
begin
  set local check_function_bodies = off;
  execute format('create or replace function shop.made(a text) returns void language plpgsql as %L', body);
  select count(*) into n from tests.findings('dynamic_sql_concatenation', 'function shop.made(text)') f;
  return n;
end
$$;
set local statement_timeout = '30s';
select is(pg_temp.told($$begin execute format('%99999999999$s', a); end$$), 0::bigint, 'dynamic_sql_concatenation: a number that no argument has');
select is(pg_temp.told('begin execute ' || repeat('a', 90000) || '; end'), 1::bigint, 'an expression that is too long to follow is told of');
select is(pg_temp.told('begin execute ' || repeat('a', 200000) || '; end'), 1::bigint, 'a source that nobody reads is told of');
select is(pg_temp.told('begin execute ' || repeat('format(''%s'',', 6000) || '1' || repeat(')', 6000) || '; end'), 1::bigint, 'so is one too deep');
select is(pg_temp.told((select 'begin ' || string_agg(format('v%s := v%s || ''x''; ', n, n + 1), '') || 'execute v1; end' from generate_series(1, 3000) n)),
          1::bigint, 'and a way through too many variables');
set local statement_timeout = 0;

select * from finish();
rollback;
