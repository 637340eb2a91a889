-- tenancy.isolation_tests(): green on the shop and on thirty tables, as a superuser and as the owner of the database;
-- changes nothing; and each fault that it is there for turns its line red.

begin;
\set QUIET 1
set local client_min_messages = warning;
\o /dev/null
\ir setup/thirty_tables.sql
\o

select plan(64);

create function tests.red(of_schema regnamespace) returns text[] language sql as
$$ select coalesce(array_agg(regexp_replace(l, '^not ok \d+ - ', '')), '{}') from tenancy.isolation_tests(of_schema) l where l like 'not ok%' $$;

-- The red lines of one table under a change, which is rolled back. Most faults need one of the thirty tables only.
create function tests.red_under(change text, relation regclass) returns text[] language plpgsql as
$$
declare
  result text[];
begin
  begin
    execute change;
    select coalesce(array_agg(replace(l.title, red_under.relation || ': ', '')), '{}') into result
      from tenancy.protection p, lateral tenancy.isolation_table(p, '1', '2', '1', '2') l
     where p.relation = red_under.relation and not l.ok;
    raise exception using errcode = 'TEST0';
  exception when sqlstate 'TEST0' then
    return result;
  end;
end
$$;
grant usage on schema tests to shop_owner;

-- What there is: rows, sequences, policies, rights, prepared statements.
create function tests.state() returns jsonb language plpgsql as
$$
declare
  relation regclass;
  n bigint;
  result jsonb := '{}';
begin
  for relation in select c.oid::regclass from pg_class c where c.relnamespace in ('depot'::regnamespace, 'shop'::regnamespace) and c.relkind in ('r', 'p', 'S') order by 1 loop
    execute format('select count(*) from %s', relation) into n;
    if (select c.relkind from pg_class c where c.oid = relation) = 'S' then
      execute format('select last_value from %s', relation) into n;
    end if;
    result := result || jsonb_build_object(relation::text, n);
  end loop;
  return result || jsonb_build_object(
    'relations', (select jsonb_agg(array[c.relname::text, c.relacl::text, c.relrowsecurity::text, c.relforcerowsecurity::text] order by c.oid) from pg_class c where c.relnamespace in ('depot'::regnamespace, 'shop'::regnamespace)),
    'policies', (select jsonb_agg(to_jsonb(p) order by p) from pg_policies p),
    'constraints', (select count(*) from pg_constraint),
    'roles', (select jsonb_agg(to_jsonb(r) order by r.oid) from pg_roles r),
    'memberships', (select count(*) from pg_auth_members),
    'prepared', (select count(*) from pg_prepared_statements),
    'settings', (select jsonb_object_agg(s.name, s.setting) from pg_settings s where s.name like 'tenancy.%' or s.name ~ 'parallel|plan_cache|search_path|lock_timeout'));
end
$$;

-- ---------------------------------------------------------------- green, and nothing changed
create temporary table before as select tests.state() as state;
create temporary table lines as select l from tenancy.isolation_tests('depot') l;
select is((select array_agg(l) from lines where l not like 'ok %' and l !~ '^1\.\.\d+$'), null, 'the suite is green on thirty tables');
select is((select max(l) from lines where l ~ '^1\.\.'), (select '1..' || count(*) from lines where l like 'ok %'), 'and ends with the plan of its lines');
select cmp_ok((select count(*) from lines where l like 'ok %' and l !~ '# SKIP'), '>', 800::bigint, 'of which hardly any is skipped');
select is((select array_agg(p.relation::text) from tenancy.protection p join pg_class c on c.oid = p.relation and c.relnamespace = 'depot'::regnamespace
            where not exists (select from lines where l ~ '^ok' and strpos(l, ' ' || p.relation || ': ') > 0)), null, 'each protected table and partition has its lines');
select is(tests.red('shop'), '{}', 'the suite is green on the shop');
select is((select array_agg(l) from tenancy.isolation_tests('shop', '3', '4') l where l like 'not ok%'), null, 'and between two tenants that are given');
select is((select jsonb_object_agg(a.key, array[a.value, b.state -> a.key]) from jsonb_each(tests.state()) a, before b where a.value is distinct from b.state -> a.key and a.key <> 'depot.audit_id_seq'), null,
          'it leaves rows, sequences, policies, rights and settings as they were, but for the sequence that a trigger asked');
select is((select count(*) from pg_locks l where l.pid = pg_backend_pid() and l.relation = 'shop.patient'::regclass and l.mode = 'AccessExclusiveLock'), 0::bigint, 'and no lock behind');

set local session authorization shop_owner;
create temporary table lines_of_owner on commit drop as select l from tenancy.isolation_tests('depot') l union all select l from tenancy.isolation_tests('shop') l;
reset session authorization;
select is((select array_agg(l) from lines_of_owner where l like 'not ok%' or l ~ '^#'), null, 'it is green for the owner of the database, who is no superuser');
select cmp_ok((select count(*) from lines_of_owner), '>', 800::bigint, 'with as many lines');

-- ---------------------------------------------------------------- each fault turns its line red
select is(tests.red_under('select 1', 'shop.patient'), '{}', 'no fault, no red line');
select is((select array_agg(l) from (select tests.red_under('drop policy tenancy_wall on shop.patient', 'shop.patient') l) r),
          array[array['a careless policy beside the others opens nothing']], 'without the wall a careless policy opens the table');
select ok('a row of another tenant is not read' = any (r) and 'a row of another tenant is not inserted' = any (r) and 'a row is not moved to another tenant' = any (r)
          and 'a row of another tenant is not read with a parallel plan' = any (r) and 'a row of another tenant is not read with a plan that its owner has prepared' = any (r)
          and 'a row of another tenant is not taken over with ON CONFLICT' = any (r) and 'a row of another tenant is not changed with MERGE' = any (r)
          and 'a row of another tenant is not deleted' = any (r) and 'nothing but one''s own is seen in a scan' = any (r) and 'without a context no row is read' = any (r),
          'with policies that let all through each probe is red')
  from tests.red_under($$alter policy tenancy_tenant on shop.patient using (tenant_id is not null) with check (true); drop policy tenancy_wall on shop.patient$$, 'shop.patient') r;
select ok('a row of another tenant is not updated' = any (r) and 'a row of another tenant is not read' = any (r), 'row security that is disabled is seen')
  from tests.red_under('alter table shop.patient disable row level security', 'shop.patient') r;
select is(tests.red_under('alter table shop.patient no force row level security', 'shop.patient'), array['the owner of the table is held by the policies too'],
          'row security that is not forced is seen');
select is(tests.red_under('create view shop.seen as select * from shop.patient; grant select on shop.seen to tenancy_user', 'shop.patient'), array['the view shop.seen tells nothing of another tenant'],
          'a view without security_invoker whose owner is exempt is seen');
select is(tests.red_under('create view shop.counted as select count(*) from shop.patient; grant select on shop.counted to tenancy_user', 'shop.patient'), array['the view shop.counted tells nothing of another tenant'],
          'also where it only counts');
select is(tests.red_under('create view shop.seen with (security_invoker = true) as select * from shop.patient; grant select on shop.seen to tenancy_user', 'shop.patient'), '{}',
          'one with security_invoker is well');
select is(tests.red_under('grant select on depot.event_2026 to tenancy_user', 'depot.event'), '{}', 'a partition that is granted and protected is well');
select is(tests.red_under('grant select on depot.event_2026 to tenancy_user; alter table depot.event_2026 disable row level security', 'depot.event'),
          array['depot.event_2026: a row of another tenant is not read'], 'a partition that is granted and not protected is seen');
select is(tests.red_under('grant select on depot.measure_seven to tenancy_user', 'depot.measure'),
          array['depot.measure_seven: takes no row of another tenant, and tenants have no right to it by its own name'], 'also one of a single tenant');
select ok('depot.vehicle: a row of another tenant is not read' = any (r), 'so is an inheritance child')
  from tests.red_under('grant select on depot.vehicle to tenancy_user; alter table depot.vehicle disable row level security', 'depot.asset') r;
select is(tests.red_under('grant update on depot.tariff to tenancy_user', 'depot.tariff'), array['a row of its own tenant is not updated', 'a row of its own tenant is not changed with MERGE'],
          'a right to change what tenants may only read is seen');
select ok('a row of the reference is not inserted' = any (r), 'so is one to change a reference table')
  from tests.red_under('grant insert on depot.country to tenancy_user; create policy open on depot.country using (true)', 'depot.country') r;
select is((select array_agg(distinct substring(x from 'another (?:user|tenant)')) from unnest(r) x where x ~ 'another'), array['another user'], 'rows of another user that can be seen are seen')
  from tests.red_under('create policy wide on depot.draft using (tenant_id = tenancy.tenant_bigint()); drop policy tenancy_wall on depot.draft', 'depot.draft') r;
select is(tests.red_under('grant truncate on shop.patient to tenancy_user; set local tenancy.seal = off', 'shop.patient'), array['it is not truncated'], 'TRUNCATE that is open is seen');
select ok('a tenant reads its own row' = any (r), 'a tenant that cannot work is seen') from tests.red_under('revoke select on shop.patient from tenancy_user', 'shop.patient') r;
select is(tests.red_under('create policy other on shop.patient as restrictive using (tenant_id = tenancy.tenant_bigint())', 'shop.patient'),
          array['the suite would not notice that its policies is gone'], 'a suite that would pass without the policies is red');


-- References: without the tenant in the key a row can be pointed at another tenant's parent.
create table depot.ticket (id bigint primary key, tenant_id bigint not null, product_id bigint not null references depot.product (id));
alter table depot.ticket owner to shop_owner;
select count(*) from tenancy.protect('depot.ticket') \gset
select is(tests.red_under('select 1', 'depot.ticket'), array['a row is not pointed at another tenant''s row in depot.product'], 'a foreign key without the tenant is seen');
select is(tests.red_under('select tenancy.protect(''depot.ticket'', keys => true)', 'depot.ticket'), '{}', 'and with it is well');
drop table depot.ticket;

-- What lost its protection is not passed over.
create function tests.red_schema(change text) returns text[] language plpgsql as
$$
declare
  result text[];
begin
  begin
    execute change;
    result := tests.red('shop');
    raise exception using errcode = 'TEST0';
  exception when sqlstate 'TEST0' then
    return result;
  end;
end
$$;
select is(tests.red_schema('drop policy tenancy_tenant on shop.patient'), array['shop.patient: it is protected'], 'a policy that is dropped is seen');
select is(tests.red_schema('select tenancy.unprotect(''shop.patient''); grant select on shop.patient to tenancy_user'), array['shop.patient: it is protected'], 'and a table that is not protected any more');
select is(tests.red_schema('select tenancy.unprotect(''shop.patient'')'), '{}', 'unless tenants have no right to it');

-- Names cannot turn a red line green.
select is((select array_agg(l) from tenancy.isolation_tests('shop') l where l ~ '# SKIP' and l ~ 'patient'), null, 'no line of the patients is skipped');
alter table shop.patient rename to "patient # SKIP";
alter table shop."patient # SKIP" no force row level security;
select is((select array_agg(l) from tenancy.isolation_tests('shop') l where l like 'not ok%' and l like '% # SKIP%'), null, 'a name that holds a directive of TAP is escaped');
select is((select count(*) from tenancy.isolation_tests('shop') l where l like 'not ok%' and l like '%patient \\# SKIP%'), 1::bigint, 'and its red line is red');
alter table shop."patient # SKIP" force row level security;
alter table shop."patient # SKIP" rename to patient;

-- The guard does not stop the suite, nor mend what it takes away.
set local tenancy.guard = refuse;
select is(tests.red('shop'), '{}', 'the suite is green where the guard refuses');
set local tenancy.guard = protect;
select is(tests.red('shop'), '{}', 'and where it protects');
set local tenancy.guard = off;

-- ---------------------------------------------------------------- rows that are asked for
create table depot.odd (code text not null check (md5(code) like 'abc%'), tenant_id bigint not null, primary key (tenant_id, code));
alter table depot.odd owner to shop_owner;
select count(*) from tenancy.protect('depot.odd') \gset
create function tests.about_odd() returns text language sql as
$$ select string_agg(l.title || coalesce(': ' || array_to_string(l.notes, ' '), ''), '; ')
     from tenancy.protection p, lateral tenancy.isolation_table(p, '1', '2', '1', '2') l where p.relation = 'depot.odd'::regclass and not l.ok $$;
select matches(tests.about_odd(), 'there are rows to try it with: .*odd_code_check.*tenancy.isolation_rows\(''depot.odd'', ''\{"code": "…"\}''', 'a row that cannot be made is asked for, with the call to write');
select lives_ok(format($$select tenancy.isolation_rows('depot.odd', '{"code": %s}', '{"code": %s}')$$, to_jsonb(c[1]), to_jsonb(c[2])), 'the owner of the database tells values')
  from (select array_agg(n::text) as c from (select n from generate_series(1, 100000) n where md5(n::text) like 'abc%' limit 2) n) c;
select is(tests.about_odd(), null, 'and the table is tried with them');
select lives_ok($$select tenancy.isolation_rows('depot.odd')$$, 'without rows they are forgotten');
select is((select count(*) from tenancy.isolation_value), 0::bigint, 'all of them');
select throws_ok($$select tenancy.isolation_rows('depot.odd', '{"no_column": 1}')$$, '42703', null, 'a column that is not there is refused');
select throws_ok($$select tenancy.isolation_rows('depot.odd', '[1]')$$, '22023', null, 'and what is no row');
select throws_ok($$select tenancy.isolation_rows(0::regclass, '{"code": 1}')$$, '42P01', null, 'and a table that is not there');
drop table depot.odd;

-- ---------------------------------------------------------------- who may, and as whom code runs
select throws_ok($$select * from tenancy.isolation_tests('shop', '1')$$, '22023', null, 'one tenant alone is refused');
select throws_ok($$select * from tenancy.isolation_tests('shop', '1', '1')$$, '22023', null, 'so is a tenant against itself');
select is((select array_agg(l) from tenancy.isolation_tests('tests') l), array['not ok 1 - there is a protected table', '# Nothing is protected in schema tests. Begin with tenancy.protect() or tenancy.protect_all().', '1..1', '# 1 of 1 failed'],
          'a suite without tables is red');
select is((select count(*) from pg_proc p where p.pronamespace = 'tenancy'::regnamespace and p.proname ~ '^(isolation_|try_as_)'
            and p.proname <> 'isolation_run_state' -- one word, for the view of runs
            and (has_function_privilege('shop_stranger', p.oid, 'execute') or has_function_privilege('tenancy_user', p.oid, 'execute') or has_function_privilege('tenancy_operator', p.oid, 'execute'))),
          0::bigint, 'nobody but the owner of the database and superusers may call any of it');

create function tests.lends_its_right() returns bigint security definer language sql as $$ select rows from tenancy.try_as_tenant('1', '1', 'select 1 from shop.patient') $$;
select throws_ok('select tests.lends_its_right()', '42501', null, 'a SECURITY DEFINER function cannot lend the right');
select is((select t.rows from tenancy.try_as_tenant('1', '1', 'select 1 from shop.patient where tenant_id = 1') t), 5::bigint, 'a trial sees the rows of its tenant');
select is((select t.value from tenancy.try_as_tenant('1', '1', 'select current_user || '' '' || tenancy.tenant_id() || '' '' || tenancy.user_id()') t), 'tenancy_user 1 1', 'as that tenant');
select is(current_user || '|' || current_setting('tenancy.tenant_id') || '|' || current_setting('tenancy.user_id') || '|' || current_setting('search_path'),
          session_user || '|||' || current_setting('search_path'), 'and nothing of it is left');
select throws_ok($$select tenancy.try_as_tenant('1', '1', 'select 1 / 0')$$, '22012', null, 'an error comes through');
select is(current_user || '|' || current_setting('tenancy.tenant_id'), session_user || '|', 'and leaves nothing either');
select throws_ok($$select tenancy.try_as_tenant('1', '1', 'lock table shop.patient')$$, '42501', 'LOCK TABLE is refused while a tenant context is set', 'the seal holds in a trial');
select throws_ok($$select tenancy.try_as_tenant('1', '1', 'commit')$$, null, null, 'a trial cannot end the transaction');
select throws_ok($$select tenancy.try_as_tenant('1', '1', null)$$, '22004', null, 'a trial needs a statement');
set local session authorization shop_owner;
create temporary table of_somebody (id int);
reset session authorization;
alter table of_somebody owner to shop_root;
set local session authorization shop_owner;
select throws_ok($$select tenancy.try_as_owner('of_somebody', null, null, 'select 1', true)$$, '42501', null, 'nobody acts as an owner that he is not');
reset session authorization;

-- The triggers of a table's owner never run as the superuser who called the suite.
create sequence depot.captured;
alter sequence depot.captured owner to shop_owner;
grant usage, update on sequence depot.captured to public;
set local role shop_owner;
create table depot.trap (id bigint primary key, tenant_id bigint not null);
insert into depot.trap values (1, 1), (2, 2);
create function depot.capture() returns trigger language plpgsql set role = 'shop_root' as $$
begin
  perform setval('depot.captured', 42) where current_setting('is_superuser') = 'on';
  return new;
end $$;
reset role;
create trigger capture before insert on depot.trap for each row execute function depot.capture();
select count(*) from tenancy.protect('depot.trap') \gset
select is((select l.ok from tenancy.protection p, lateral tenancy.isolation_table(p, '1', '2', '1', '2') l where p.relation = 'depot.trap'::regclass and l.title like '%inserts a row of its own'), false,
          'a trigger that would become a superuser is refused');
select is((select last_value from depot.captured), 1::bigint, 'and has not been one');
insert into depot.trap values (3, 1);
select is((select last_value from depot.captured), 42::bigint, 'as it would be with the session of a superuser');

-- An attached transaction is told so.
set local tenancy.seal = off;
select count(tenancy.attach(tests.token('ann'))) \gset
set local role none;
select throws_ok('select tenancy.isolation_tests()', '25001', null, 'inside an attached transaction the suite is refused');

select * from finish();
rollback;
