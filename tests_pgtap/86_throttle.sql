-- Sign-in under attack: who has to wait after failures, for how long, and who does not. No test waits: a wait is over when
-- the row says that it began long ago.

select plan(91);
delete from tenancy.sign_in_attempt;
select tests.open('gateway', 'shop_gateway');
select tests.open('operator', 'shop_operator');

create function pg_temp.login(user_name text, password text, client text default '{}') returns text language sql as
$$ select tests.sqlstate_of('gateway', format('select user_id from tenancy.login(%L, %L, %L)', user_name, password, client)) $$;
create function pg_temp.login_from(user_name text, address text, password text default null) returns text language sql as
$$ select pg_temp.login(user_name, coalesce(password, user_name || '-secret'), jsonb_build_object('address', address)::text) $$;

-- As if so many sign-ins had failed; the writer that a failure uses, without the hashing.
create function pg_temp.fail(kind text, times integer, user_name text, address text default null) returns void language sql as
$$ select count(tenancy.note_sign_in(jsonb_build_object('longest_wait', 900, 'failed', jsonb_build_array(jsonb_build_object(
            'key', encode(tenancy.sign_in_key(user_name, address), 'hex'), 'kind', kind, 'most', case kind when 'address' then 60 else 15 end)))))
     from generate_series(1, times) $$;
create function pg_temp.fail_name(user_name text, times integer) returns void language sql as $$ select pg_temp.fail('name', times, user_name) $$;
create function pg_temp.failures(user_name text, address text default null) returns integer language sql as
$$ select failures from tenancy.sign_in_attempt where key = tenancy.sign_in_key(user_name, address) $$;
create function pg_temp.let_pass(seconds integer) returns void language sql as
$$ update tenancy.sign_in_attempt set failed_at = failed_at - make_interval(secs => seconds) $$;

-- ---------------------------------------------------------------- a name
select is(array(select pg_temp.login(name, 'wrong') from generate_series(1, 5), (values ('bob'), ('nobody-1')) n (name)), array_fill('28P01'::text, array[10]),
  'five failures are free, for a name that exists and one that does not');
select is(pg_temp.failures('bob'), 5, 'each is counted, although its transaction failed');
select is(pg_temp.failures('nobody-1'), 5, 'for the name that does not exist as well');
select is(pg_temp.login('bob', 'bob-secret'), '53400', 'then even the right password has to wait');
select is(pg_temp.failures('bob'), 5, 'a refused attempt counts for nothing');
select pg_temp.fail_name(name, 5) from (values ('bob'), ('nobody-1'), ('fay')) n (name);
select pg_temp.fail_name('fay', 5);
update tenancy.sign_in_attempt set failed_at = clock_timestamp();
create temporary table refusal as
  select a.*, o.* from (values ('bob', 'bob-secret'), ('bob', 'wrong'), ('nobody-1', 'wrong'), ('fay', 'fay-secret')) a (name, password),
    lateral tests.try('gateway', format('select (tenancy.login(%L, %L)).token', a.name, a.password)) o;
select is((select array_agg(distinct (code, message, coalesce(detail, ''), regexp_replace(hint, '3[12]', 'N'))::text) from refusal),
  array['(53400,"too many attempts","","Try again in N seconds.")'], 'the refusal is one text for a right and a wrong password, an unknown name and a disabled account');
select pg_temp.let_pass(30);
select is(pg_temp.login('bob', 'bob-secret'), '53400', 'ten failures wait for longer than half a minute');
select pg_temp.let_pass(3);
select is(pg_temp.login('bob', 'wrong'), '28P01', 'when the wait is over one may try');
select is(pg_temp.failures('bob'), 11, 'and fail');
select is(pg_temp.login('bob', 'bob-secret'), '53400', 'and has to wait for longer');
select pg_temp.let_pass(65);
select is(pg_temp.login('bob', 'bob-secret'), '00000', 'after it the right password signs in');
select is(pg_temp.login('bob', 'wrong'), '28P01', 'who gave no address is known like one address');
select is(array[pg_temp.failures('bob', ''), pg_temp.failures('bob')], array[1, 11], 'and counts by itself from then on');

-- A refused attempt asks nobody: no directory, no hash.
delete from tenancy.sign_in_attempt;
select pg_temp.fail_name('cyd', 10);
create temporary table kept as select * from tenancy.directory;
delete from tenancy.directory;
select is(pg_temp.login('bob', 'wrong'), '55000', 'without a directory an attempt cannot be answered');
select is(pg_temp.login('cyd', 'wrong'), '53400', 'but refused it can be: the password is not looked at');
insert into tenancy.directory select * from kept;

-- ---------------------------------------------------------------- how long
select is((select array_agg(tenancy.seconds_to_wait(n, clock_timestamp(), 5, 900) order by n) from generate_series(0, 16) n),
  array[0,0,0,0,0,1,2,4,8,16,32,64,128,256,512,900,900], 'waits double from a second to the longest');
select is(tenancy.seconds_to_wait(2000000000, clock_timestamp(), 0, 86400), 86400, 'whatever the count');
select is(tenancy.seconds_to_wait(0, null, 0, 900), 0, 'without a failure nobody waits, even when none is free');
select is(tenancy.seconds_to_wait(1, clock_timestamp(), 0, 900), 2, 'with none free the first failure makes one wait');
select is(tenancy.seconds_to_wait(15, clock_timestamp() + interval '1 year', 5, 900), 900, 'a clock that was set back makes no wait longer');
select is(tenancy.failures_left(15, clock_timestamp() + interval '1 year', 900), 15, 'nor a count');
select is((select array_agg(tenancy.failures_left(3, clock_timestamp() - make_interval(secs => s), 900) order by s) from unnest(array[0, 890, 910, 1810, 2710, 99999]) s),
  array[3,3,2,1,0,0], 'each quarter of an hour without a failure takes one off');
select pg_temp.fail_name('flooded', 200);
select is(pg_temp.failures('flooded'), 15, 'a count does not grow beyond what makes the longest wait');
select pg_temp.let_pass(901);
select is(pg_temp.login('flooded', 'wrong'), '28P01', 'so two hundred failures are a wait of a quarter of an hour');

-- ---------------------------------------------------------------- an address
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'ann signs in from her address');
select is(pg_temp.login_from('hal', '192.0.2.9', 'wrong'), '28P01', 'somebody guesses at another');
select is(array[pg_temp.failures('hal'), pg_temp.failures(null, '192.0.2.9')], array[1, 1], 'which counts for the name and for the address');
select pg_temp.fail('address', 59, null, '192.0.2.9');
select is(pg_temp.login_from('gil', '192.0.2.9'), '53400', 'an address that guessed at many names waits with every name');
select is(pg_temp.login_from('gil', '192.0.2.10'), '00000', 'the same name signs in elsewhere');
select is(pg_temp.login('gil', 'gil-secret', '{"address": "::ffff:192.0.2.9"}'), '53400', 'IPv4 written as IPv6 is the same address');
select pg_temp.fail('address', 60, null, '2001:db8:1:2::1');
select is(pg_temp.login_from('ian', '2001:db8:1:2:3:4:5:6'), '53400', 'an IPv6 client has its whole network');
select is(pg_temp.login_from('ian', '2001:db8:1:3::1'), '00000', 'and the next one is somebody else''s');
select is(pg_temp.login_from('nobody-2', '192.0.2.1', 'wrong'), '28P01', 'from ann''s address somebody guesses');
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'ann signs in');
select is(pg_temp.failures(null, '192.0.2.1'), 1, 'which takes nothing off her address: an account of one''s own clears no way');

-- ---------------------------------------------------------------- the victim's way in
select pg_temp.fail_name('ann', 60);
select is(pg_temp.login_from('ann', '192.0.2.2'), '53400', 'while somebody guesses ann''s password a new address waits');
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'her own does not');
select pg_temp.fail('address', 200, null, '192.0.2.1');
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'not even when others guess from her address');
select is(pg_temp.login_from('bob', '192.0.2.1'), '53400', 'where a name that has not signed in before waits');
select is(array(select pg_temp.login_from('ann', '192.0.2.1', 'wrong') from generate_series(1, 3)), array_fill('28P01'::text, array[3]), 'she mistypes');
select is(array[pg_temp.failures('ann'), pg_temp.failures('ann', '192.0.2.1'), pg_temp.failures(null, '192.0.2.1')], array[15, 3, 60],
  'which counts for both together, and for neither the name nor the address');
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'she gets it right');
select is(array[pg_temp.failures('ann'), pg_temp.failures('ann', '192.0.2.1')], array[15, 0], 'her own failures are off, those of the name are not');
select pg_temp.fail('pair', 15, 'ann', '192.0.2.1');
select is(pg_temp.login_from('ann', '192.0.2.1'), '53400', 'guessing from a known address has an end as well');
select pg_temp.let_pass(901);
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'and so has the wait');
update tenancy.sign_in_attempt set signed_in_at = signed_in_at - interval '29 days' where key = tenancy.sign_in_key('ann', '192.0.2.1');
select pg_temp.fail_name('ann', 60);
select is(pg_temp.login_from('ann', '192.0.2.1'), '00000', 'an address is known for thirty days');
select cmp_ok((select signed_in_at from tenancy.sign_in_attempt where key = tenancy.sign_in_key('ann', '192.0.2.1')), '>', now() - interval '1 day', 'from each sign-in anew');
update tenancy.sign_in_attempt set signed_in_at = signed_in_at - interval '31 days' where key = tenancy.sign_in_key('ann', '192.0.2.1');
select is(pg_temp.login_from('ann', '192.0.2.1'), '53400', 'and no longer');
update tenancy.sign_in_attempt set signed_in_at = now() where key = tenancy.sign_in_key('ann', '192.0.2.1');
-- The counter-measure taken away.
alter role shop_gateway set tenancy.sign_in_known_address = 0;
select tests.open('gateway', 'shop_gateway');
select is(pg_temp.login_from('ann', '192.0.2.1'), '53400', 'with tenancy.sign_in_known_address = 0 she would be locked out of her own');
alter role shop_gateway reset tenancy.sign_in_known_address;

-- ---------------------------------------------------------------- settings
alter role shop_gateway set tenancy.sign_in_longest_wait = 0;
select tests.open('gateway', 'shop_gateway');
select is(pg_temp.login_from('ann', '192.0.2.2'), '00000', 'a longest wait of 0 is no throttling');
alter role shop_gateway reset tenancy.sign_in_longest_wait;
alter role shop_gateway set tenancy.sign_in_free_failures = 0;
select tests.open('gateway', 'shop_gateway');
select is(array[pg_temp.login('nobody-3', 'wrong'), pg_temp.login('nobody-3', 'wrong')], array['28P01', '53400'], 'with no failure free the second attempt waits');
alter role shop_gateway reset tenancy.sign_in_free_failures;
select tests.open('gateway', 'shop_gateway');
select is(tests.sqlstate_of('gateway', 'set ' || name || ' = 0'), '42501', name || ' is not for the gateway to set')
  from (values ('tenancy.sign_in_longest_wait'), ('tenancy.sign_in_free_failures'), ('tenancy.sign_in_free_failures_per_address'), ('tenancy.sign_in_known_address')) s (name);

-- ---------------------------------------------------------------- transactions that try to forget
delete from tenancy.sign_in_attempt;
select tests.tell('gateway', 'begin isolation level repeatable read');
select tests.tell('gateway', 'select 1');
select is(array(select tests.sqlstate_inside('gateway', $$select (tenancy.login('bob', 'wrong')).token$$) from generate_series(1, 7)),
  array['28P01','28P01','28P01','28P01','28P01','53400','53400'], 'savepoints and an old snapshot hide no failure');
select tests.tell('gateway', 'rollback');
select is(pg_temp.failures('bob'), 5, 'and none is rolled back');
delete from tenancy.sign_in_attempt;
select is(tests.tell('gateway', $q$do $d$ begin
  for i in 1 .. 20 loop
    begin
      perform tenancy.login('bob', 'guess ' || i);
    exception when invalid_password or configuration_limit_exceeded then null;
    end;
  end loop; end $d$ $q$), 'DO', 'a program in the database tries twenty');
select is(pg_temp.failures('bob'), 5, 'and has five');

-- A burst over many connections: no more than twice the free failures get a look at the password, and each of these is counted.
delete from tenancy.sign_in_attempt;
select tests.open('burst-' || n, 'shop_gateway') from generate_series(1, 30) n;
select dblink_send_query('burst-' || n, $q$do $d$ begin perform tenancy.login('hal', 'wrong'); end $d$ $q$) from generate_series(1, 30) n;
create function pg_temp.outcome(connection text) returns text language plpgsql as
$$
declare
  outcome text := '00000';
begin
  begin
    perform value from dblink_get_result(connection) as answer (value text);
  exception when others then
    outcome := sqlstate;
  end;
  return outcome;
end
$$;
create temporary table burst as select pg_temp.outcome('burst-' || n) as code from generate_series(1, 30) n;
select cmp_ok((select count(*) from burst where code = '28P01'), '<', 10::bigint, 'of thirty at once a few are answered');
select is((select count(*) from burst where code = '53400'), 30 - (select count(*) from burst where code = '28P01'), 'and all others have to wait');
select is(pg_temp.failures('hal')::bigint, (select count(*) from burst where code = '28P01'), 'each answer is counted');
select tests.close('burst-' || n) from generate_series(1, 30) n;

-- A success in an open transaction keeps nobody waiting.
delete from tenancy.sign_in_attempt;
select pg_temp.fail_name('bob', 5);
select pg_temp.let_pass(10);
select tests.open('a', 'shop_gateway');
select tests.tell('a', 'begin');
select tests.tell('a', $$select user_id from tenancy.login('bob', 'bob-secret', '{"address": "192.0.2.20"}')$$);
select is(pg_temp.login_from('bob', '192.0.2.21'), '00000', 'whoever signed in and leaves the transaction open blocks no other sign-in');
select tests.tell('a', 'rollback');
select is(pg_temp.failures('bob', '192.0.2.20'), null::integer, 'a success is remembered with its own transaction');

-- ---------------------------------------------------------------- rights and people
select is(tests.sqlstate_of('gateway', 'select failures from tenancy.sign_in_attempt'), '42501', 'the gateway does not see the counts');
select is(tests.sqlstate_of('gateway', $$select tenancy.note_sign_in('{}')$$), '42501', 'nor writes them');
select is(tests.sqlstate_of('gateway', $$select tenancy.remember_sign_in(sha256('x'), 1)$$), '42501', 'nor makes an address known');
select is(tests.sqlstate_of('gateway', $$select tenancy.reset_sign_in('bob')$$), '42501', 'nor resets them');
select pg_temp.fail_name('bob', 15), pg_temp.fail('address', 60, null, '192.0.2.9');
select is(tests.tell('operator', $$select tenancy.reset_sign_in('bob')$$), '1', 'an operator lets a name in');
select is(tests.tell('operator', $$select tenancy.reset_sign_in(address => '192.0.2.9')$$), '1', 'or an address');
select is(pg_temp.login_from('bob', '192.0.2.9'), '00000', 'at once');
select is(tests.tell('operator', $$select tenancy.reset_sign_in('nobody-9', 'nowhere')$$), '0', 'where nothing is counted nothing is deleted');
select is(tests.sqlstate_of('operator', 'select tenancy.reset_sign_in()'), '22004', 'there is no resetting of all');
select is(tests.sqlstate_of('operator', $$select tenancy.reset_sign_in(repeat('x', 10000))$$), '22023', 'nor of a name that none can have');
select ok(not exists (select from tenancy.sign_in_attempt a where a::text ~ 'bob|192\.0|nobody'), 'the table holds no name and no address');

-- ---------------------------------------------------------------- bad input
delete from tenancy.sign_in_attempt;
select is(tests.sqlstate_of('gateway', $$select (tenancy.login(repeat('x', 10000), 'wrong', '{"address": "192.0.2.30"}')).token$$), '22023', 'a name of 10 kB is refused');
select is((select count(*) from tenancy.sign_in_attempt), 0::bigint, 'before anything is counted');
select is(tests.sqlstate_of('gateway', $$select (tenancy.login(null, 'wrong', null)).token$$), '28P01', 'NULL is a wrong name, of no address');
select is((select array_agg(distinct pg_temp.login('nobody-' || n, 'wrong', client)) from unnest(array[
    '{"address": null}', '{"address": 7}', '{"address": {"a": "b"}}', '{"address": ["192.0.2.1"]}', '{"address": ""}', '{"address": "\u2028''\"\\; drop table x --"}',
    '{"ADDRESS": "192.0.2.1"}', '{"address": "192.0.2.300"}', '{"address": "fe80::1%eth0"}', '{"address": "%s%n"}', '{"address": "💩"}',
    jsonb_build_object('address', repeat('x', 4000))::text]) with ordinality c (client, n)), array['28P01'], 'whatever a client says it is, the answer is the usual one');
select is((select count(*) from tenancy.sign_in_attempt where kind = 'address'), 7::bigint, 'texts are addresses, other values are none');

-- ---------------------------------------------------------------- names that a collation holds for equal
-- Attack: each spelling of a name begins a count of its own, and there is no end of spellings.
delete from tenancy.sign_in_attempt;
set role shop_owner;
create collation shop.any_case (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
create view shop.any_case_accounts as select a.user_id, a.user_name collate shop.any_case as user_name, a.password_hash, a.is_admin, a.disabled from shop.accounts a;
select tenancy.use_directory('shop.any_case_accounts', 'shop.memberships');
reset role;
select is(pg_temp.login(E'b\u200bOb', 'bob-secret', '{"address": "192.0.2.40"}'), '00000', 'such a directory takes any spelling');
select is((select array_agg(pg_temp.login(name, 'wrong')) from unnest(array['ann', 'ANN', 'Ann', E'a\u00adnn', 'ánn']) name), array_fill('28P01'::text, array[5]), 'five failures are free, spelled as they may be');
select is((select array_agg(pg_temp.login(name, 'ann-secret')) from unnest(array['ann', 'aNN', E'an\u200bn']) name), array_fill('53400'::text, array[3]), 'then every spelling has to wait');
select is((select count(*) from tenancy.sign_in_attempt where kind = 'name'), 1::bigint, 'all of them are one count');
select is(array[pg_temp.login('nobody-1', 'wrong'), pg_temp.login('NOBODY-1', 'wrong')], array['28P01', '28P01'], 'a name that does not exist fails in each spelling');
select is((select array_agg(failures) from tenancy.sign_in_attempt where kind = 'name' and failures < 5)::text, '{2}', 'which is one count, too');
select is(tests.tell('operator', $$select tenancy.reset_sign_in('aNn')$$), '1', 'an operator resets it by any spelling');
set role shop_owner;
select tenancy.use_directory('shop.accounts', 'shop.memberships');
drop view shop.any_case_accounts;
drop collation shop.any_case;
reset role;

-- ---------------------------------------------------------------- cleaning
delete from tenancy.sign_in_attempt;
insert into tenancy.sign_in_attempt (key, kind, failures, failed_at, forget_at)
  select sha256(n::text::bytea), 'name', 1, now() - interval '1 day', now() - interval '1 hour' from generate_series(1, 50) n;
select is(pg_temp.login('nobody-99', 'wrong'), '28P01', 'a failure');
select is((select count(*) from tenancy.sign_in_attempt where forget_at < now()), 30::bigint, 'deletes a batch of rows that no longer matter');
select is(pg_temp.login('ann', 'ann-secret'), '00000', 'a success');
select is((select count(*) from tenancy.sign_in_attempt where forget_at < now()), 10::bigint, 'does so too');

delete from tenancy.sign_in_attempt;
select * from finish();
