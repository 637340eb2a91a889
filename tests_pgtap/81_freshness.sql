-- Freshness: what is taken away is gone with the next transaction, on every connection and for old snapshots too. And the
-- window that tenancy.membership_cache buys.

select plan(85);
select tests.open('root', 'shop_root');
select tests.open('operator', 'shop_operator');
select tests.open('a', 'shop_gateway');
select tests.open('b', 'shop_gateway');

create function pg_temp.attach(connection text, token text) returns text language sql as
$$ select tests.sqlstate_of(connection, format('select tenancy.attach(%L)', token)) $$;
create function pg_temp.session_of(token text) returns uuid language sql as
$$ select id from tenancy.session where token_hash = sha256(convert_to(token, 'UTF8')) $$;

-- ---------------------------------------------------------------- between two statements of two connections
create temporary table gone (what text, connection text, change text, undo text, code text, message text, detail text);
insert into gone values
  ('a removed membership', 'root', 'delete from shop.membership where user_id = (select id from shop.account where user_name = ''ian'')',
   'insert into shop.membership select id, 4 from shop.account where user_name = ''ian''', '28000', 'session is not valid', 'The membership of the chosen tenant has ended.'),
  ('a disabled account', 'root', 'update shop.account set disabled = true where user_name = ''ian''', 'update shop.account set disabled = false where user_name = ''ian''',
   '28000', 'session is not valid', 'The account is disabled or no longer there.'),
  ('a changed password', 'root', 'update shop.account set password_hash = crypt(''new'', gen_salt(''bf'', 4)) where user_name = ''ian''',
   (select format('update shop.account set password_hash = %L where user_name = ''ian''', password_hash) from shop.account where user_name = 'ian'),
   '28000', 'session is not valid', 'The password was changed.'),
  ('a password that is taken away', 'root', 'update shop.account set password_hash = null where user_name = ''ian''',
   (select format('update shop.account set password_hash = %L where user_name = ''ian''', password_hash) from shop.account where user_name = 'ian'),
   '28000', 'session is not valid', 'The password was changed.'),
  ('a suspended tenant', 'operator', 'select tenancy.suspend(''4'', ''a test'')', 'select tenancy.resume(''4'')', '42501', 'this tenant is suspended', ''),
  ('a revoked session', 'operator', 'select tenancy.revoke(%L)', null, '28000', 'session is not valid', 'The session was ended.');

create function pg_temp.story(gone gone) returns setof text language plpgsql as
$$
declare
  token text := tests.token('ian');
  outcome record;
begin
  return next is(pg_temp.attach('a', token), '00000', format('before %s the session works', gone.what));
  perform tests.tell('a', 'begin isolation level repeatable read');
  perform tests.tell('a', 'select count(*) from pg_class'); -- the snapshot is taken
  perform tests.tell('b', 'begin');
  perform tests.tell('b', format('select tenancy.attach(%L)', token));
  perform tests.tell(gone.connection, format(gone.change, pg_temp.session_of(token)));
  return next is(tests.tell('b', 'select count(*) from shop.patient'), '5', format('after %s a transaction that was attached before ends in peace', gone.what));
  perform tests.tell('b', 'commit');
  select * into outcome from tests.try('b', format('select tenancy.attach(%L)', token));
  return next is(array[outcome.code, outcome.message, coalesce(outcome.detail, '')], array[gone.code, gone.message, gone.detail], format('after %s the next one is refused', gone.what));
  select * into outcome from tests.try('a', format('select tenancy.attach(%L)', token));
  return next is(array[outcome.code, outcome.message, coalesce(outcome.detail, '')], array[gone.code, gone.message, gone.detail], format('so is one whose snapshot is older than %s', gone.what));
  perform tests.tell('a', 'rollback');
  if gone.undo is not null then
    perform tests.tell(gone.connection, gone.undo);
    return next is(pg_temp.attach('a', token), '00000', format('when %s is undone the session works again', gone.what));
  end if;
end
$$;
select pg_temp.story(gone) from gone;

-- An admin whose right is taken sees no tenant any more, though the session lives.
create temporary table eve as select tests.token('eve') as token;
select is((select tests.tell('a', format('begin; select tenancy.attach(%L); select tenancy.bypassing()', token)) from eve), 't', 'an admin''s session sees all');
select tests.tell('a', 'rollback');
select tests.tell('root', 'update shop.account set is_admin = false where user_name = ''eve''');
select is((select tests.tell('a', format('begin; select tenancy.attach(%L); select tenancy.bypassing()', token)) from eve), 'f', 'until the right is taken');
select tests.tell('a', 'rollback');
select tests.tell('root', 'update shop.account set is_admin = true where user_name = ''eve''');

-- ---------------------------------------------------------------- a password changed from inside
select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password('wrong', 'new-secret')$$), '28P01', 'who does not know the old password does not change it');
select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password(null, 'new-secret')$$), '28P01', 'NULL is not the old password');
select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password(repeat('x', 1000000), 'new-secret')$$), '28P01', 'nor is a megabyte');
select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password('ian-secret', '')$$), '22023', 'an empty password is no password');
select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password('ian-secret', null)$$), '22023', 'nor is NULL');
select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password('ian-secret', repeat('x', 512))$$), '22023', 'nor is one that could not sign in');
select is(tests.sqlstate_of('a', $$select tenancy.change_password('ian-secret', 'new-secret')$$), '42501', 'without a context there is nobody whose password it were');
select is(tests.sqlstate_of('root', $$select tenancy.change_password('ian-secret', 'new-secret')$$), '42501', 'not for a superuser either');

select is(tests.sqlstate_as('a', 'ian', $$select tenancy.change_password('ian-secret', 'new-secret')$$), '55000', 'without a setter the directory''s passwords cannot be changed here');
create function pg_temp.with_token(token text, statement text) returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L)', token));
  outcome := tests.sqlstate_of('a', statement);
  perform tests.tell('a', case outcome when '00000' then 'commit' else 'rollback' end);
  return outcome;
end
$$;
set role shop_owner;
create function shop.store_hash(user_id bigint, hash text) returns void language sql set search_path = pg_catalog, pg_temp as 'update shop.account set password_hash = hash where id = user_id';
create function shop.forget_hash(user_id bigint, hash text) returns void language sql set search_path = pg_catalog, pg_temp as 'update shop.account set password_hash = null where id = user_id';
reset role;
-- gil's hash is of a scheme that is never renewed at sign-in.
create temporary table gil as select tests.token('gil') as current, tests.token('gil') as other, password_hash from shop.account where user_name = 'gil';
select tenancy.use_directory('shop.accounts', 'shop.memberships', 'shop.forget_hash(bigint, text)');
select is(pg_temp.with_token(current, $$select tenancy.change_password('gil-secret', 'new-secret')$$), '55000', 'a setter that does not store what it gets is found out') from gil;
select is((select password_hash from shop.account where user_name = 'gil'), password_hash, 'and nothing is changed') from gil;
select tenancy.use_directory('shop.accounts', 'shop.memberships', 'shop.store_hash(bigint, text)');
select is(pg_temp.with_token(current, 'set transaction read only; select tenancy.change_password(''gil-secret'', ''new-secret'')'), '25006', 'a read-only transaction changes no password') from gil;
select is(pg_temp.with_token(current, $$select tenancy.change_password('gil-secret', 'new-secret')$$), '00000', 'who knows the old password changes it') from gil;
select is(pg_temp.attach('b', current), '00000', 'the session that did so lives on') from gil;
select is(pg_temp.attach('b', other), '28000', 'the others end') from gil;
select ok((select revoked_at is not null from tenancy.session where id = pg_temp.session_of(other)), 'and are listed as ended') from gil;
select is(tests.sqlstate_of('b', $$select (tenancy.login('gil', 'gil-secret')).user_id$$), '28P01', 'the old password signs nobody in');
select is(tests.sqlstate_of('b', $$select (tenancy.login('gil', 'new-secret')).user_id$$), '00000', 'the new one does');
select is(array_agg(pg_temp.with_token(current, $$select tenancy.change_password('guess', 'x')$$) order by n), array['28P01', '28P01', '28P01', '28P01', '28P01', '53400'],
          'wrong old passwords wait like wrong sign-ins') from gil, generate_series(1, 6) n;
select is(tests.sqlstate_of('b', $$select (tenancy.login('gil', 'new-secret')).user_id$$), '53400', 'and count there, too');
select tenancy.reset_sign_in('gil');
select tenancy.use_directory('shop.accounts', 'shop.memberships');
drop function shop.store_hash(bigint, text), shop.forget_hash(bigint, text);
update shop.account a set password_hash = g.password_hash from gil g where user_name = 'gil';

-- ---------------------------------------------------------------- suspension
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(null, ''x'')'), '22004', 'nothing is suspended without a tenant');
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(''4'', null)'), '22004', 'nor without a reason');
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(''4'', E'' \t\n'')'), '22023', 'a blank reason is none');
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(''4'', repeat(''x'', 10240))'), '22023', 'one of 10 kB is too long');
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(''999999'', ''x'')'), '22023', 'a tenant that nobody is a member of is not suspended by mistake');
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(''garbage'', ''x'')'), '22P02', 'an id of the wrong type is bad input');
select is(tests.sqlstate_of('operator', 'select tenancy.suspend(repeat(''4'', 1000000), ''x'')'), '22023', 'a megabyte is no tenant');
select is(tests.sqlstate_of('operator', 'select tenancy.resume(null)'), '22004', 'NULL is not resumed');
select is(tests.tell('operator', 'select tenancy.resume(''5'')'), 'f', 'a tenant that is not suspended is told so');
select is(tests.tell('operator', 'select tenancy.suspend('' 05'', ''unpaid'')'), 't', 'any spelling of the id will do');
select is(tests.tell('operator', 'select tenancy.suspend(''5'', ''again'')'), 'f', 'it is suspended once');
select is(tests.tell('operator', 'select concat_ws(''|'', tenant_id, reason, suspended_by) from tenancy.suspensions'), '5|unpaid|shop_operator', 'operators see who suspended it and why');
select is(tests.sqlstate_as('a', 'ian', 'select * from tenancy.suspensions'), '42501', 'tenants do not');
select is(tests.sqlstate_of('a', 'select tenancy.suspend(''4'', ''x'')'), '42501', 'the gateway suspends nobody');
select is(tests.sqlstate_of('a', 'select tenancy.resume(''5'')'), '42501', 'and resumes nobody');
select is(tests.tell('root', 'select tenancy.resume(''05'')'), 't', 'a superuser resumes it');
select is((select array_agg(action || ' ' || tenant_id || coalesce(' ' || reason, '') order by id) from (select * from tenancy.audit_log where tenant_id = '5' order by id desc limit 2) l),
  array['suspend 5 unpaid', 'resume 5'], 'both are in the audit log');
grant execute on function tenancy.suspend(text, text) to tenancy_user;
grant tenancy_operator to shop_gateway;
select is(tests.sqlstate_as('a', 'ian', 'select tenancy.suspend(''4'', ''x'')'), '42501', 'injected SQL does not, even where the gateway''s login were an operator');
revoke tenancy_operator from shop_gateway;
revoke execute on function tenancy.suspend(text, text) from tenancy_user;

-- ---------------------------------------------------------------- another directory
-- A superuser's transaction that has looked at the sessions holds the lock that would tell it of the change.
create view shop.nobody as select * from shop.memberships where false;
alter view shop.nobody owner to shop_owner;
create temporary table looked as select tests.token('ian') as token;
create function pg_temp.attach_after_looking(change text) returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell('root', 'begin');
  perform tests.tell('root', 'select count(*) from tenancy.session');
  perform tests.tell('another root', change);
  outcome := tests.sqlstate_of('root', format('select tenancy.attach(%L)', token)) from looked;
  perform tests.tell('root', 'rollback');
  return outcome;
end
$$;
select tests.open('another root', 'shop_root');
select is(pg_temp.attach_after_looking('select 1'), '00000', 'who has looked at the sessions attaches');
select is(pg_temp.attach_after_looking($$select tenancy.use_directory('shop.accounts', 'shop.nobody')$$), '28000', 'and is held to a directory that was registered since');
select tests.tell('another root', $$select tenancy.use_directory('shop.accounts', 'shop.memberships')$$);
select tests.close('another root');
drop view shop.nobody;

-- ---------------------------------------------------------------- the cache
select is(tests.sqlstate_of('a', 'set tenancy.membership_cache = ''1min'''), '42501', 'the gateway''s login buys no window for itself');
select throws_ok('set tenancy.membership_cache = ''16min''', '22023', null, 'a window of more than 15 minutes is refused');
alter role shop_gateway set tenancy.membership_cache = '10min';
select tests.open('c', 'shop_gateway');
alter role shop_gateway reset tenancy.membership_cache;
create temporary table cached as select tests.token('ian') as token, tests.token('ian') as second, tests.token('ian') as third;
select is((select pg_temp.attach('c', token) || pg_temp.attach('c', third) from cached), '0000000000', 'a backend with a cache asks once');
select tests.tell(connection, change) from gone where what = 'a removed membership';
select is((select pg_temp.attach('c', token) from cached), '00000', 'within the window it does not notice a removed membership');
select is((select pg_temp.attach('a', token) from cached), '28000', 'a backend without a cache does');
select is((select pg_temp.attach('c', second) from cached), '28000', 'and a session that it has not seen is asked for');
select tests.tell('operator', (select format('select tenancy.revoke(%L)', pg_temp.session_of(third)) from cached));
select is((select pg_temp.attach('c', third) from cached), '28000', 'a revoked session ends at once, window or not');
select tests.tell('root', undo) from gone where what = 'a removed membership';
select tests.tell('operator', 'select tenancy.suspend(''4'', ''a test'')');
select is((select pg_temp.attach('c', token) from cached), '42501', 'so does access to a suspended tenant');
select tests.tell('operator', 'select tenancy.resume(''4'')');
select is((select pg_temp.attach('c', token) from cached), '00000', 'which returns when it is resumed');
select tests.tell('root', change) from gone where what = 'a removed membership';
select tenancy.use_directory('shop.accounts', 'shop.memberships');
select is((select pg_temp.attach('c', token) from cached), '28000', 'what an earlier registration of the directory said does not count');

-- What is rolled back was never so.
select tests.tell('root', 'set tenancy.membership_cache = ''10min''');
select tests.tell('root', 'begin');
select tests.tell('root', undo) from gone where what = 'a removed membership';
select is((select pg_temp.attach('root', token) from cached), '00000', 'a membership counts in the transaction that writes it');
select tests.tell('root', 'rollback');
select is((select pg_temp.attach('root', token) from cached), '28000', 'and is not kept when that is rolled back');
select tests.tell('root', undo) from gone where what = 'a removed membership';

-- The window ends.
select tests.tell('root', 'set tenancy.membership_cache = ''20ms''');
select is((select pg_temp.attach('root', token) from cached), '00000', 'with a short window it works alike');
select tests.open('owner', 'shop_owner');
select dblink_exec('owner', change) from gone where what = 'a removed membership';
create function pg_temp.until_refused() returns text language plpgsql as
$$
begin
  for attempt in 1 .. 100000 loop
    if pg_temp.attach('root', (select token from cached)) = '28000' then
      return 'refused';
    end if;
  end loop;
  return 'never';
end
$$;
select is(pg_temp.until_refused(), 'refused', 'and after it the directory is asked again');
select dblink_exec('owner', undo) from gone where what = 'a removed membership';
select tests.tell('root', 'reset tenancy.membership_cache');

select * from finish();
