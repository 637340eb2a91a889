-- tenancy.harden() and tenancy.soften(): what they list, take, note and give back. All in one transaction; what a
-- hardened database is like to live in is tried in 71_hardened_database.sh.

begin;
select plan(44);

create temporary view rights as
  select k.kind, o.oid, g.grantee, g.privilege_type
    from unnest(array['database', 'schema', 'language', 'function', 'table']) as k (kind) cross join lateral tenancy.hardening_object(k.kind) o cross join lateral aclexplode(o.acl) g;
create temporary table before as table rights;
create function tests.changed_rights() returns bigint language sql as $$
  select count(*) from ((table before except table rights) union all (table rights except table before)) as changed
$$;
-- Whoever has the database's rules silent has all six of them silent.
create function tests.open_rules() returns text[] language sql as $$
  select array_agg(distinct c.rule::text order by c.rule::text)
    from tenancy.check(array['temp_privilege', 'create_privilege', 'language_usage', 'public_system_function', 'activity_views_readable', 'connect_to_other_databases']::name[]) c
   where c.object not like 'database %' or c.object in ('database ' || current_database(), 'database postgres', 'database template1')
$$;

-- ---------------------------------------------------------------- the list
select cmp_ok((select count(*) from tenancy.harden() where not done), '>', 10::bigint, 'a new database has much to list');
select is(tests.changed_rights(), 0::bigint, 'listing changes nothing');
select is_empty('select from tenancy.hardening', 'and notes nothing');
select is_empty('select from tenancy.harden(null) where done is null', 'NULL lists as false does');
select is(tests.changed_rights(), 0::bigint, 'and changes nothing');
select is_empty($$select from tenancy.harden() where statement is null or stops is null or may_break is null or statement !~ 'revoke .* from public$'$$, 'each line has its statement, what it stops and what it may break');
select set_eq('select tests.open_rules()', $$values (array['activity_views_readable', 'connect_to_other_databases', 'language_usage', 'public_system_function', 'temp_privilege'])$$, 'the rules of tenancy.check() find the same');

-- ---------------------------------------------------------------- who may
create temporary table listed as select * from tenancy.harden();
grant select on listed to public;
set role shop_owner;
select results_eq('select statement from tenancy.harden()', 'select statement from listed', 'the owner of the database lists the same as a superuser');
select throws_ok('select from tenancy.harden(true)', '42501', 'permission denied to harden the database', 'but does not apply');
select throws_ok('select from tenancy.soften()', '42501', 'permission denied to soften the database', 'nor take back');
select throws_ok($$insert into tenancy.hardening values ('function', 'pg_read_file(text)', 'execute', 'public', 0)$$, '42501', null, 'nor write a note');
reset role;
set role shop_stranger;
select throws_ok('select from tenancy.harden()', '42501', null, 'others do not list');
reset role;
set role shop_gateway;
select throws_ok('select from tenancy.soften()', '42501', null, 'the gateway does not soften');
reset role;
select is(tests.changed_rights(), 0::bigint, 'and nothing is changed by trying');

-- ---------------------------------------------------------------- done, and done again
-- Some things are as they should be before: soften() must not touch them.
revoke execute on function pg_notify(text, text) from public;
grant execute on function pg_cancel_backend(int) to pg_signal_backend;
select format('grant connect on database %I to shop_reporting', current_database()) \gexec
create role app_noinherit login noinherit in role tenancy_gateway;
create schema "strange "" name; drop table shop.patient";
grant create on schema "strange "" name; drop table shop.patient" to public;
truncate before;
insert into before table rights;

select is_empty('select from tenancy.harden(true) where not done', 'harden(true) does everything it lists');
select is(tests.open_rules(), null, 'the rules of tenancy.check() are silent after it');
select is_empty($$select from rights where grantee = 0 and kind in ('function', 'language') and oid in ('pg_notify'::regproc, 'pg_terminate_backend'::regproc, (select oid from pg_language where lanname = 'sql'))$$, 'PUBLIC has lost functions and languages');
select is(has_schema_privilege('shop_stranger', 'strange " name; drop table shop.patient', 'create'), false, 'a name is only a name');
select is(has_table_privilege('pg_monitor', 'pg_stat_activity', 'select') and has_function_privilege('pg_monitor', 'pg_stat_get_activity(int)', 'execute'), true, 'pg_monitor keeps the activity views');
select is(has_language_privilege('shop_owner', 'plpgsql', 'usage') and has_function_privilege('shop_owner', 'pg_advisory_lock(bigint)', 'execute'), true, 'the owner of the database keeps languages and locks');
select is(has_database_privilege(r, current_database(), 'connect'), true, r || ' still connects') from unnest(array['shop_gateway', 'shop_operator', 'shop_reporting', 'shop_owner', 'app_noinherit']) r;
select is(has_database_privilege('shop_stranger', current_database(), 'connect'), false, 'who has nothing here does not');
select is(has_function_privilege('pg_database_owner', 'pg_notify(text, text)', 'execute'), false, 'what was taken from PUBLIC before is given to nobody');

create temporary table after as table rights;
create temporary table noted as table tenancy.hardening;
select is_empty('select from tenancy.harden(true) where not done', 'harden(true) runs again');
select is_empty('(table after except table rights) union all (table rights except table after)', 'and changes nothing');
select set_eq('table tenancy.hardening', 'table noted', 'nor its notes');
select is_empty($$select from tenancy.harden() where statement like 'grant%'$$, 'what is done is listed without the grants that came with it');

-- ---------------------------------------------------------------- taken back
select cmp_ok((select count(*) from tenancy.soften()), '>', 100::bigint, 'soften() tells what it ran');
select is(tests.changed_rights(), 0::bigint, 'everything is as it was before harden()');
select is_empty('select from tenancy.hardening', 'and nothing is noted any more');
select is_empty('select from tenancy.soften()', 'a second soften() has nothing to do');
select is(has_function_privilege('shop_stranger', 'pg_notify(text, text)', 'execute'), false, 'what was taken before harden() is not given by soften()');

-- ---------------------------------------------------------------- soften() believes no text
insert into tenancy.hardening (kind, object, privilege, grantee, recorded_in)
select v.kind, v.object, v.privilege, v.grantee, d.oid
  from pg_database d, (values ('function', 'pg_notify(text,text) to public; drop table shop.patient; --', 'execute', 'public'), ('schema', 'shop to public; drop table shop.patient; --', 'create', 'public'),
                              ('function', 'no_such_function()', 'execute', 'public'), ('table', 'pg_authid', 'select', 'public'), ('function', 'shop.hers()', 'execute', 'public'),
                              ('language', 'sql', 'usage', 'nobody; drop table shop.patient')) as v (kind, object, privilege, grantee)
 where d.datname = current_database();
create function shop.hers() returns int language sql as 'select 1';
revoke execute on function shop.hers() from public;
select is_empty('select from tenancy.soften()', 'notes that name what hardening is not about are not followed, be they statements or names');
select is(tests.changed_rights(), 0::bigint, 'and change nothing');
select throws_ok($$insert into tenancy.hardening (kind, object, privilege, grantee, recorded_in) values ('function', 'x', 'execute on function y to public; --', 'public', 0)$$, '23514', null, 'a right is one of six words');

-- ---------------------------------------------------------------- a copy of the database
-- CREATE DATABASE … TEMPLATE copies the notes, but no right on the database.
select tenancy.harden(true) \g /dev/null
update tenancy.hardening set recorded_in = 0 where kind = 'database';
select is_empty($$select from tenancy.soften() where statement like '% on database %'$$, 'notes about the databases that were made elsewhere are not followed');
select is(has_database_privilege('shop_stranger', current_database(), 'temporary'), false, 'so that a copy leaves its original alone');

-- ---------------------------------------------------------------- pg_stat_statements
create extension pg_stat_statements schema shop;
create function public.pg_stat_statements(boolean) returns int language sql as 'select 1';
select tenancy.harden(true) \g /dev/null
select is(has_table_privilege('shop_stranger', 'shop.pg_stat_statements', 'select'), false, 'pg_stat_statements is taken from PUBLIC when it is there');
select is(has_table_privilege('pg_read_all_stats', 'shop.pg_stat_statements', 'select'), true, 'and kept for who reads statistics');
select is(has_function_privilege('shop_stranger', 'public.pg_stat_statements(boolean)', 'execute'), true, 'a function of that name that somebody else made is his');

select * from finish();
rollback;
