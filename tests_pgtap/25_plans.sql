-- Plans: the policy is an index condition, parallel workers see the leader's context, cached plans see the current one.

select plan(31);
select tests.open('a', 'shop_gateway');

-- The whole of an EXPLAIN as one text.
create function pg_temp.explain_as(user_name text, statement text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform tests.begin_as('a', user_name);
  answer := array_to_string(tests.tell_all('a', 'explain (costs off) ' || statement), e'\n');
  perform tests.tell('a', 'rollback');
  return answer;
end
$$;
create function pg_temp.times(haystack text, needle text) returns integer language sql as
$$ select (length(haystack) - length(replace(haystack, needle, ''))) / length(needle) $$;

-- ---------------------------------------------------------------- index condition
select tests.tell('a', 'set enable_seqscan = off');
select tests.tell('a', 'set enable_bitmapscan = off');
select matches(pg_temp.explain_as('ann', 'select * from shop.patient'), 'Index Cond: \(tenant_id = tenancy\.tenant_bigint\(\)\)',
  'the policy is an index condition');
select is(pg_temp.times(pg_temp.explain_as('ann', 'select * from shop.patient'), 'tenancy.'), 1,
  'the wall costs nothing: Postgres merges the two equal predicates');
select matches(pg_temp.explain_as('ann', 'select * from shop.patient where tenant_id = 1'), 'Index Cond',
  'an application''s own condition does not take the index away');
select is(pg_temp.times(pg_temp.explain_as('ann', 'update shop.patient set note = note'), 'tenancy.'), 1, 'the same for UPDATE');
select is(pg_temp.times(pg_temp.explain_as('ann', 'delete from shop.patient'), 'tenancy.'), 1, 'and for DELETE');
select doesnt_match(pg_temp.explain_as('ann', 'select * from shop.patient'), 'bypassing', 'the bypass is not OR-ed into a tenant''s query');
select matches(pg_temp.explain_as('eve', 'select * from shop.patient'), 'bypassing', 'it is in an admin''s');
drop policy tenancy_wall on shop.patient;
select matches(pg_temp.explain_as('ann', 'select * from shop.patient'), 'Index Cond', 'without the wall the plan is the same');
select * from tenancy.protect('shop.patient');
select tests.tell('a', 'reset all');

-- The estimate of a bare STABLE function is the one of the tenant itself. The seal would not show it.
select tests.open('owner', 'shop_owner');
select tests.tell('owner', format('alter database %I set tenancy.seal = off', current_database()));
select tests.open('unsealed', 'shop_gateway');
select tests.tell('owner', format('alter database %I reset tenancy.seal', current_database()));
create function pg_temp.estimate(user_name text) returns bigint language plpgsql as
$$
declare
  answer jsonb;
begin
  perform tests.begin_as('unsealed', user_name);
  answer := tests.tell('unsealed', 'explain (format json) select * from shop.reading')::jsonb;
  perform tests.tell('unsealed', 'rollback');
  return (answer -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
end
$$;
select cmp_ok(pg_temp.estimate('ann'), '>', 20000::bigint, 'the planner knows that tenant 1 is large');
select cmp_ok(pg_temp.estimate('gil'), '<', 1000::bigint, 'and that tenant 5 is small');

-- ---------------------------------------------------------------- parallel
create function pg_temp.go_parallel(connection text) returns void language sql as
$$
  select tests.tell(connection, 'set parallel_setup_cost = 0');
  select tests.tell(connection, 'set parallel_tuple_cost = 0');
  select tests.tell(connection, 'set min_parallel_table_scan_size = 0');
  select tests.tell(connection, 'set min_parallel_index_scan_size = 0');
  select tests.tell(connection, 'set max_parallel_workers_per_gather = 2');
$$;
select pg_temp.go_parallel('a');
select matches(pg_temp.explain_as('ann', 'select count(*) from shop.reading'), 'Workers Planned: [12]', 'a large table gets a parallel plan');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.reading'), '24000', 'which finds all rows of tenant 1');
select is(tests.tell_as('a', 'bob', 'select count(*) from shop.reading'), '18000', 'all rows of tenant 2');
select is(tests.tell_as('a', 'eve', 'select count(*) from shop.reading'), '60000', 'and all rows for an admin');
select is(tests.tell_as('a', 'ann', 'select count(*) filter (where tenant_id <> 1) from shop.reading'), '0', 'workers bring no row of others');

-- In a worker for certain: the leader does not take part.
select tests.tell('a', 'set parallel_leader_participation = off');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.reading'), '24000', 'the same where workers do all of it');
select name as force_parallel from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query') \gset
select tests.tell('a', format('set %I = on', :'force_parallel'));
select is(tests.tell_as('a', 'ann', 'select tenancy.tenant_id()'), '1', 'a reader that runs in a worker tells the leader''s tenant');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.patient'), '5', 'nor does that change what it reads');
select tests.tell('a', format('set %I = off', :'force_parallel'));

-- That workers really start shows EXPLAIN ANALYZE, which needs the seal off.
select tests.tell('owner', format('alter database %I set tenancy.seal = off', current_database()));
select tests.open('b', 'shop_gateway');
select pg_temp.go_parallel('b');
select tests.begin_as('b', 'ann');
select matches(array_to_string(tests.tell_all('b', 'explain (analyze, costs off, timing off, summary off) select count(*) from shop.reading'), e'\n'),
  'Workers Launched: [12]', 'the workers are real');
select tests.tell('b', 'rollback');
select tests.tell('owner', format('alter database %I reset tenancy.seal', current_database()));

-- ---------------------------------------------------------------- cached plans
select tests.open('a', 'shop_gateway');
select tests.tell('a', 'set plan_cache_mode = force_generic_plan');
select tests.tell('a', 'set role tenancy_user'); -- names are looked up when it is prepared
select tests.tell('a', 'prepare mine as select count(*) || '' '' || coalesce(min(tenant_id), 0) || '' '' || coalesce(max(tenant_id), 0) from shop.patient where id > $1');
select tests.tell('a', 'reset role');
select is(tests.tell_as('a', 'ann', 'execute mine(0)'), '5 1 1', 'a prepared statement with a generic plan gives ann her rows');
select is(tests.tell_as('a', 'bob', 'execute mine(0)'), '5 2 2', 'and bob his');
select is(tests.tell_as('a', 'eve', 'execute mine(0)'), '1500 1 300', 'an admin all');
select is(tests.tell_as('a', 'ann', 'execute mine(0)'), '5 1 1', 'and then ann hers again');
select is(tests.sqlstate_of('a', 'execute mine(0)'), '42501', 'outside a context the login has no right to the table at all');
select tests.tell('a', 'set role tenancy_user');
select is(tests.sqlstate_of('a', 'execute mine(0)'), '42501', 'and as tenancy_user no context');
select tests.tell('a', 'reset role');
select tests.tell('a', 'begin');
select tests.tell('a', 'savepoint s');
select tests.tell('a', tests.attach_as('ann'));
select is(tests.tell('a', 'execute mine(0)'), '5 1 1', 'it follows a savepoint''s context');
select tests.tell('a', 'rollback to savepoint s');
select tests.tell('a', tests.attach_as('bob'));
select is(tests.tell('a', 'execute mine(0)'), '5 2 2', 'also to the next one of the same transaction');
select tests.tell('a', 'rollback');

-- PL/pgSQL keeps plans of its own.
create function shop.my_patients() returns bigint language plpgsql stable as 'begin return (select count(*) from shop.patient where tenant_id = tenancy.tenant_bigint()); end';
select is(tests.tell_as('a', 'ann', 'select shop.my_patients()'), '5', 'a function''s cached plan works for ann');
select is(tests.tell_as('a', 'gil', 'select shop.my_patients()'), '5', 'and for gil');
drop function shop.my_patients();

-- ---------------------------------------------------------------- cursors
select tests.begin_as('a', 'ann');
select tests.tell('a', 'declare c scroll cursor for select tenant_id from shop.patient order by id');
select is(tests.tell_all('a', 'fetch all from c'), array['1', '1', '1', '1', '1'], 'a cursor gives the tenant''s rows');
select is(tests.tell('a', 'move backward all in c'), 'MOVE 5', 'and moves among them');
select tests.tell('a', 'rollback');

select * from finish();
