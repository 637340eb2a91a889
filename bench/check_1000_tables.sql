-- How long tenancy.check() takes over a thousand protected tables, each with a key, a foreign key and an index:
--   createdb bench_check && psql -X -d bench_check -f bench/check_1000_tables.sql && dropdb bench_check
-- As a superuser. The second call is the one to quote: the first one fills the catalog caches of the session.

\set ON_ERROR_STOP on
set client_min_messages = error;
create extension tenancy;
create schema many;
do $tables$
begin
  for i in 1..1000 loop
    execute format('create table many.t%s (id bigint generated always as identity primary key, tenant_id bigint, parent bigint %s, name text)',
                   i, case when i > 1 then format('references many.t%s', i - 1) end);
  end loop;
end
$tables$;
\timing on
\echo protect_all, without and with keys
select count(*) as steps from tenancy.protect_all('many');
select count(*) as steps from tenancy.protect_all('many', keys => true);
\echo check, three times
select count(*) as findings from tenancy.check();
select count(*) as findings from tenancy.check();
select count(*) as findings from tenancy.check();
