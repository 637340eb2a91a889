-- The context: one transaction long, written once, and by tenancy.attach() alone.

select plan(83);
select tests.open('a', 'shop_gateway');
select tests.open('b', 'shop_gateway');

-- ---------------------------------------------------------------- what attach sets
select tests.tell('a', 'begin');
select is(tests.tell('a', tests.attach_as('ann')), '', 'attach answers nothing');
select is(tests.tell('a', 'show tenancy.tenant_id'), '1', 'SHOW tells the tenant');
select is(tests.tell('a', 'show tenancy.bypass'), 'off', 'SHOW tells that nothing is bypassed');
select is(tests.tell('a', 'select tenancy.tenant_id()'), '1', 'tenant_id tells the tenant as text');
select is(tests.tell('a', 'select tenancy.tenant_bigint()'), '1', 'tenant_bigint tells it as bigint');
select is(tests.sqlstate_inside('a', 'select tenancy.tenant_uuid()'), '42804', 'tenant_uuid refuses a tenant that is no uuid');
select is(tests.tell('a', 'select tenancy.user_bigint()'),
  (select id::text from shop.account where user_name = 'ann'), 'user_bigint tells the user');
select is(tests.tell('a', 'select tenancy.user_id()'),
  (select id::text from shop.account where user_name = 'ann'), 'user_id tells the user as text');
select is(tests.sqlstate_inside('a', 'select tenancy.user_uuid()'), '42804', 'user_uuid refuses a user that is no uuid');
select is(tests.tell('a', 'select tenancy.bypassing()'), 'f', 'a tenant''s context bypasses nothing');
select is(tests.tell('a', 'select current_user'), 'tenancy_user', 'statements run as tenancy_user');
select is(tests.tell('a', 'select session_user'), 'shop_gateway', 'the login stays who it is');
select isnt(tests.tell('a', 'select tenancy.session_id()'), null, 'the session has an id');
select is(tests.tell('a', 'show tenancy.session_id'), tests.tell('a', 'select tenancy.session_id()'), 'SHOW tells the same id');
select is(tests.tell('a', $$select string_agg(key, ' ' order by key) from jsonb_object_keys(tenancy.whoami()) key$$),
  'actor bypass expires_at is_admin read_only role session_id tenant_id tenant_name tenant_role tenants user_id user_name', 'whoami has these keys');
select is(tests.tell('a', $$select concat_ws(' ', w ->> 'user_name', w ->> 'tenant_id', w ->> 'tenant_name', w ->> 'role', w ->> 'bypass', w ->> 'is_admin')
                              from tenancy.whoami() w$$),
  'ann 1 tenant 1 tenancy_user false false', 'whoami tells people who they are');
select is(tests.tell('a', 'select count(*) from shop.patient'), '5', 'a tenant sees its own rows');
select is(tests.tell('a', 'select count(*) from shop.patient where tenant_id <> 1'), '0', 'and no others');
select tests.tell('a', 'commit');

-- ---------------------------------------------------------------- when it ends
create function pg_temp.state(connection text) returns text language sql as
$$ select tests.tell(connection, $q$select concat_ws('|', current_setting('tenancy.user_id'), current_setting('tenancy.tenant_id'),
     current_setting('tenancy.session_id'), current_setting('tenancy.bypass'), tenancy.bypassing(), current_user)$q$) $$;

select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'after commit nothing is left of it');
select tests.begin_as('a', 'ann');
select tests.tell('a', 'rollback');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'after rollback nothing is left of it');
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_of('a', 'select 1 / 0'), '22012', 'after an error');
select tests.tell('a', 'commit');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'and the end of its transaction nothing is left of it');
select tests.begin_as('a', 'eve');
select is(pg_temp.state('a'), (select id || '||' from shop.account where user_name = 'eve') || tests.tell('a', 'show tenancy.session_id') || '|on|t|tenancy_admin',
  'an admin''s context bypasses, as tenancy_admin');
select tests.tell('a', 'commit and chain');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'COMMIT AND CHAIN begins the next transaction without it');
select tests.tell('a', 'rollback');
select is(tests.tell('a', tests.attach_as('ann')), '', 'attach on its own is a transaction');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'that has ended when the next statement comes');

-- ---------------------------------------------------------------- once
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', tests.attach_as('ann')), '25001', 'a second attach is refused');
select is(tests.sqlstate_inside('a', tests.attach_as('bob')), '25001', 'of another user too');
select is(tests.tell('a', 'show tenancy.tenant_id'), '1', 'and the first context stays');
select tests.tell('a', 'rollback');

select tests.tell('a', 'begin');
select tests.tell('a', 'savepoint s');
select tests.tell('a', tests.attach_as('ann'));
select tests.tell('a', 'rollback to savepoint s');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'rollback to a savepoint of before undoes the context and the role');
select is(tests.tell('a', tests.attach_as('bob')), '', 'then attach may be called again');
select is(tests.tell('a', 'select count(*) from shop.patient where tenant_id = 2'), '5', 'and the new context is the true one');
select tests.tell('a', 'savepoint t');
select tests.sqlstate_of('a', 'select 1 / 0');
select tests.tell('a', 'rollback to savepoint t');
select is(tests.tell('a', 'show tenancy.tenant_id'), '2', 'rollback to a later savepoint leaves it');
select tests.tell('a', 'release savepoint t');
select tests.tell('a', 'release savepoint s');
select is(tests.tell('a', 'show tenancy.tenant_id'), '2', 'a released savepoint leaves it');
select tests.tell('a', 'commit');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'and it still ends with the transaction');

select tests.tell('a', 'begin');
select tests.tell('a', format($q$do $do$ begin
    begin
      perform tenancy.attach(%L);
      raise exception 'changed my mind';
    exception when raise_exception then null;
    end;
  end $do$ $q$, tests.token('ann')));
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'a PL/pgSQL block that catches its error undoes the attach inside it');
select tests.tell('a', 'rollback');
select tests.begin_as('a', 'ann');
select is(tests.tell('a', 'select count(*) from (select tenancy.tenant_id() from shop.patient, generate_series(1, 3)) s'), '15',
  'a context stays through a statement');
select tests.tell('a', 'rollback');
select is(tests.sqlstate_of('a', format(
    'select string_agg(t.token || a::text, null) from (values (%L), (%L)) t (token), lateral (select tenancy.attach(t.token)) a (a)', tests.token('ann'), tests.token('bob'))),
  '25001', 'one statement cannot walk through two sessions');

-- ---------------------------------------------------------------- DISCARD, RESET
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', 'reset all'), '42501', 'RESET ALL is refused inside');
select is(tests.sqlstate_inside('a', 'discard all') in ('42501', '25001'), true, 'DISCARD ALL is refused inside');
select is(tests.tell('a', 'show tenancy.tenant_id'), '1', 'the context is still there');
select tests.tell('a', 'commit');
select is(tests.tell('a', 'discard all'), 'DISCARD ALL', 'DISCARD ALL works between transactions');
select is(tests.tell('a', 'reset all'), 'RESET', 'so does RESET ALL');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'both leave an empty context');

-- ---------------------------------------------------------------- without
select tests.open('reporting', 'shop_reporting');
select is(tests.sqlstate_of('reporting', 'select count(*) from shop.patient'), '42501', 'a protected table without a context is an error');
select matches((tests.try('reporting', 'select count(*) from shop.patient')).hint, 'tenancy\.attach', 'which says what to do');
select is(tests.sqlstate_of('reporting', 'select tenancy.tenant_id()'), '42501', 'so is the reader alone');
select is(tests.sqlstate_of('reporting', 'select tenancy.user_id()'), '42501', 'and that of the user');
select is(tests.tell('reporting', 'select tenancy.session_id()'), null, 'no session has no id');
select is(tests.tell('reporting', $$select concat_ws('|', w ->> 'user_id', w ->> 'tenant_id', w ->> 'bypass', w ->> 'role') from tenancy.whoami() w$$),
  'false|shop_reporting', 'whoami works without a context');
select tests.open('reporting', 'shop_reporting', '-c tenancy.on_missing_context=empty');
select is(tests.tell('reporting', 'select count(*) from shop.patient'), '0', 'on_missing_context = empty shows no rows in place of the error');
select is(tests.tell('reporting', 'select tenancy.tenant_id()'), null, 'and the reader answers NULL');
select is(tests.sqlstate_of('reporting', 'set tenancy.on_missing_context = everything'), '22023', 'it has two values and no third');

select tests.tell('a', 'begin');
select tests.tell('a', tests.attach_as('cyd'));
select is(tests.sqlstate_inside('a', 'select count(*) from shop.patient'), '42501', 'who has not chosen a tenant yet sees an error');
select matches((tests.try('a', 'select count(*) from shop.patient')).message, 'no tenant chosen', 'of another text');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- where it cannot begin
select tests.tell('a', $$create function pg_temp.attach_as_definer(token text) returns void language plpgsql security definer
                         set search_path = pg_catalog, pg_temp as 'begin perform tenancy.attach(token); end'$$);
select tests.tell('a', 'begin');
select is(tests.sqlstate_inside('a', format('select pg_temp.attach_as_definer(%L)', tests.token('ann'))), '42501',
  'attach inside a SECURITY DEFINER function is refused');
select is(pg_temp.state('a'), '|||off|f|shop_gateway', 'and leaves nothing behind');
select tests.tell('a', 'rollback');
select tests.open('stranger', 'shop_stranger');
select is(tests.sqlstate_of('stranger', tests.attach_as('ann')), '42501', 'a login without tenancy_gateway cannot attach, with a good token either');
grant execute on function tenancy.attach(text) to shop_stranger;
select is(tests.sqlstate_of('stranger', tests.attach_as('ann')), '42501', 'nor where it was given the function, as it cannot become tenancy_user');
select matches((tests.try('stranger', tests.attach_as('ann'))).hint, 'GRANT tenancy_gateway TO shop_stranger', 'and is told what is missing');
revoke execute on function tenancy.attach(text) from shop_stranger;

select tests.tell('a', 'begin transaction read only');
select is(tests.tell('a', tests.attach_as('ann')), '', 'attach works in a READ ONLY transaction');
select is(tests.tell('a', 'select count(*) from shop.patient'), '5', 'with the rows');
select tests.tell('a', 'rollback');

-- A snapshot of before does not keep an ended session alive.
create function pg_temp.revoked_late(level text) returns text language plpgsql as
$$
declare
  token text := tests.token('ann');
  outcome text;
begin
  perform tests.tell('b', 'begin isolation level ' || level);
  perform tests.tell('b', 'select count(*) from pg_class');
  perform tests.tell('sign-in', format('select tenancy.logout(%L)', token));
  outcome := tests.sqlstate_of('b', format('select tenancy.attach(%L)', token));
  perform tests.tell('b', 'rollback');
  return outcome;
end
$$;
select is(pg_temp.revoked_late('read committed'), '28000', 'a session ended by another connection is refused in READ COMMITTED');
select is(pg_temp.revoked_late('repeatable read'), '28000', 'in REPEATABLE READ with a snapshot of before');
select is(pg_temp.revoked_late('serializable'), '28000', 'and in SERIALIZABLE');

-- ---------------------------------------------------------------- a cursor that would outlive it
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', 'declare c cursor with hold for select note from shop.patient'), '42501', 'a cursor WITH HOLD is refused');
select tests.tell('a', 'rollback');
create function pg_temp.hold_before() returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', 'set local tenancy.on_missing_context = empty');
  perform tests.tell('a', 'set local role tenancy_user');
  perform tests.tell('a', 'declare c cursor with hold for select note from shop.patient');
  outcome := tests.sqlstate_of('a', tests.attach_as('ann'));
  perform tests.tell('a', 'rollback');
  return outcome;
end
$$;
select is(pg_temp.hold_before(), '24000', 'attach refuses a transaction that declared one before, which would be filled at its end');
select tests.tell('a', 'begin');
select tests.tell('a', 'set local tenancy.on_missing_context = empty');
select tests.tell('a', 'set local role tenancy_user');
select tests.tell('a', 'declare c cursor for select count(*) from shop.patient');
select tests.tell('a', tests.attach_as('ann'));
select is(tests.tell('a', 'fetch c') in ('5', '0'), true, 'a plain cursor of before shows this tenant''s rows or none');
select tests.tell('a', 'commit');
select is(tests.sqlstate_of('a', 'fetch c'), '34000', 'and ends with the transaction');

-- ---------------------------------------------------------------- the seal opens for few
select is(tests.sqlstate_of('a', 'set tenancy.seal = off'), '42501', 'the gateway cannot switch the seal off');
select is(tests.sqlstate_of('a', $$select set_config('tenancy.seal', 'off', false)$$), '42501', 'with set_config neither');
select is(tests.sqlstate_of('a', 'alter role shop_gateway set tenancy.seal = off'), '42501', 'nor for its next connection');
select is(tests.sqlstate_of('a', 'alter role current_user set "tenancy.seal" = off'), '42501', 'under no spelling of its name');
select throws_ok($$select tests.open('c', 'shop_gateway', '-c tenancy.seal=off')$$, '08001', null, 'nor by PGOPTIONS');
select is(tests.sqlstate_of('reporting', 'set tenancy.seal = off'), '42501', 'a reporting role cannot either');
alter role shop_gateway set tenancy.seal = off;
select tests.open('c', 'shop_gateway');
select is(tests.tell('c', 'show tenancy.seal'), 'on', 'a superuser''s ALTER ROLE for a login has no effect: it says nothing about the database');
alter role shop_gateway reset tenancy.seal;
select tests.open('owner', 'shop_owner');
select is(tests.tell('owner', 'set tenancy.seal = off'), 'SET', 'the owner of the database can in a session');
select is(tests.tell('owner', format('alter database %I set tenancy.seal = off', current_database())), 'ALTER DATABASE', 'and for the database');
select tests.open('c', 'shop_gateway');
select is(tests.tell('c', 'show tenancy.seal'), 'off', 'where it is true for new connections');
select is(tests.sqlstate_as('c', 'ann', 'lock table shop.patient in access share mode'), '00000', 'which may then do in a context what the seal refuses');
select tests.tell('owner', format('alter database %I reset tenancy.seal', current_database()));
select tests.open('c', 'shop_gateway');
select is(tests.tell('c', 'show tenancy.seal'), 'on', 'and until it is taken back');
select is(tests.sqlstate_as('c', 'ann', 'lock table shop.patient in access share mode'), '42501', 'then it is refused again');
grant tenancy_gateway to shop_owner;
select tests.open('owner', 'shop_owner');
select is(tests.sqlstate_as('owner', 'ann', 'set local tenancy.seal = off'), '42501', 'nobody can inside a context, its owner neither');
revoke tenancy_gateway from shop_owner;

select * from finish();
