-- Run by 90_seam.sh, as a superuser, on a cluster that preloads no library. Whatever is thrown at whichever entry becomes
-- one ERROR, the backend lives, and nothing is left behind.

\set ON_ERROR_STOP 1
\set QUIET 1
set client_min_messages = warning;
create extension pgtap;
create extension tenancy;
update pg_proc set probin = '$libdir/tenancy_faults' where probin = '$libdir/tenancy';
-- This session has loaded tenancy.so to make the extension; the next one loads the other library alone.
\connect
set client_min_messages = warning;
create function witnesses_lost() returns integer language c as '$libdir/tenancy_faults', 'tenancy_fault_alive';
create view accounts as select 1::bigint as user_id, 'ann'::text as user_name, null::text as password_hash, false as is_admin;
create view memberships as select 1::bigint as user_id, 7::bigint as tenant_id, 'seven'::text as tenant_name;
select tenancy.use_directory('accounts', 'memberships');

-- A table that the planner is asked about: its policy holds the view's owner, who is no superuser.
create role seam_owner;
create table document (name text, tags text[]);
create index on document (name);
alter table document enable row level security;
create view shown as select from document;
grant select on document to seam_owner;
alter view shown owner to seam_owner;

-- Every entry of the library and a statement that passes it. A strict one is not entered with NULL.
create table entry as
  select distinct on (p.prosrc) p.prosrc as name,
         case when p.prorettype = 'trigger'::regtype
              then (select format('delete from %s where false', t.tgrelid::regclass) from pg_trigger t where t.tgfoid = p.oid limit 1)
              else format('select tenancy.%I(%s)', p.proname,
                          (select string_agg(case when p.provariadic <> 0 then 'variadic ' else '' end || format(case when p.proisstrict then '''{}''::%s' else 'null::%s' end, format_type(t, null)), ', ') from unnest(p.proargtypes) t))
         end as statement
    from pg_proc p where p.probin = '$libdir/tenancy_faults' and p.proname <> 'witnesses_lost' and not 'internal'::regtype = any (p.proargtypes)
  union all values ('process_utility', 'set local timezone = ''UTC'''), ('object_access', 'select lower(''x'')'),
            ('post_parse_analyze', 'select 1'), ('fmgr_hook', 'select tenancy.reader_for(20)'),
            ('tenancy_search_support', 'explain select from document where name operator(tenancy.~~) ''a%'''),
            ('tenancy_array_selectivity', 'explain select from document where tags operator(tenancy.@>) ''{a}'''),
            ('get_relation_info', 'explain select from shown');
create table kind (name text, sqlstate text);
insert into kind values ('sql', '22023'), ('std', 'XX000'), ('memory', '53200'), ('int', 'XX000'), ('postgres', '22012');

create type outcome as (sqlstate text, message text, detail text, hint text);
create function outcome_of(entry text, kind text, statement text) returns outcome language plpgsql as $$
declare
  o outcome;
begin
  perform set_config('tenancy.fault', entry || ':' || kind, true);
  execute statement;
  perform set_config('tenancy.fault', '', true);
  return row('00000', 'nothing was thrown', '', '')::outcome;
exception when others or query_canceled then
  get stacked diagnostics o.sqlstate = returned_sqlstate, o.message = message_text,
                          o.detail = pg_exception_detail, o.hint = pg_exception_hint;
  return o;
end $$;

create function resident_kb() returns bigint language sql as
  $$ select split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint * 4 $$;

select plan((select count(*)::int from entry) * 2 + 9);

select cmp_ok((select count(*) from entry), '>=', 16::bigint, 'the list of entries is not empty by mistake');

select is(
  (select array_agg((outcome_of(e.name, k.name, e.statement)).sqlstate order by k.name) from kind k),
  (select array_agg(k.sqlstate order by k.name) from kind k),
  format('%s: each kind of throw becomes an error with its SQLSTATE', e.name))
from entry e order by e.name;

select is(pg_backend_pid() > 0 and witnesses_lost() = 0, true, format('%s: nothing was jumped over', e.name))
from entry e, lateral (select outcome_of(e.name, k.name, e.statement) from kind k) o group by e.name order by e.name;

select is(outcome_of('tenancy_attach', 'sql', 'select tenancy.attach(null)'),
          row('22023', 'thrown by core', 'A detail.', 'A hint.')::outcome, 'an error of core keeps its detail and hint');
select is(outcome_of('tenancy_attach', 'postgres', 'select tenancy.attach(null)'),
          row('22012', 'raised by the server', 'A detail.', 'A hint.')::outcome, 'an error of the server keeps its detail and hint');

-- Memory: each lost witness would cost 64 kB, two thousand of them 128 MB.
create function storm(rounds integer) returns void language plpgsql as $$
declare
  k record;
begin
  for i in 1..rounds loop
    for k in select name from kind loop
      perform outcome_of('tenancy_attach', k.name, 'select tenancy.attach(null)');
      perform outcome_of('tenancy_tenant_bigint', k.name, 'select tenancy.tenant_bigint()');
    end loop;
  end loop;
end $$;
select storm(20);
select resident_kb() as before \gset
select storm(200);
select is(witnesses_lost(), 0, 'two thousand throws leave no object behind');
select cmp_ok(resident_kb() - :before, '<', 16384::bigint, 'two thousand throws leave no memory behind');

-- A cancel is not swallowed on its way through C++.
create or replace view accounts as
  select 1::bigint as user_id, 'ann'::text as user_name, '*'::text as password_hash, false as is_admin from pg_sleep(60);
set statement_timeout = '200ms';
select is((outcome_of('nobody', 'none', 'select tenancy.probe_directory()')).sqlstate, '57014',
          'a cancel inside the directory ends the statement as a cancel');
reset statement_timeout;
select is((outcome_of('nobody', 'none', 'select tenancy.attach(null)')).sqlstate, '28000',
          'the session answers as before after all this');

-- The test can fail: without the guard an object is lost, and the witness tells.
select is((outcome_of('tenancy_attach', 'bare', 'select tenancy.attach(null)')).sqlstate, '22012',
          'an error without the guard comes through as well');
select is(witnesses_lost(), 1, 'but the object above it is lost, and this test sees it');

select * from finish();
