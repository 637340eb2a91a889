-- Sessions as people and operators manage them: a new token at each choice, lists, endings, clean-up.

select plan(81);
select tests.open('gateway', 'shop_gateway');
select tests.open('operator', 'shop_operator');
select tests.open('root', 'shop_root');
select tests.open('a', 'shop_gateway');
select tests.open('b', 'shop_gateway');

create function pg_temp.attach(token text) returns text language sql as
$$ select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) $$;
create function pg_temp.session_of(token text) returns uuid language sql as
$$ select id from tenancy.session where token_hash = sha256(convert_to(token, 'UTF8')) $$;
create function pg_temp.choose(connection text, token text, tenant text) returns text language sql as
$$ select tests.tell(connection, format('select token from tenancy.choose_tenant(%L, %L)', token, tenant)) $$;
create function pg_temp.refused(token text, tenant text, out code text, out message text) language sql as
$$ select code, message from tests.try('gateway', format('select (tenancy.choose_tenant(%L, %L)).user_id', token, tenant)) $$;
-- What one statement answers in a transaction of the session's own.
create function pg_temp.with_token(token text, statement text) returns text language plpgsql as
$$
declare
  answer text;
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L)', token));
  answer := tests.tell('a', statement);
  perform tests.tell('a', 'commit');
  return answer;
end
$$;

-- ---------------------------------------------------------------- the token changes with the rights
create temporary table cyd as select token as before, pg_temp.session_of(token) as id, pg_temp.choose('gateway', token, '3') as after from tests.token('cyd') token;
select isnt(before, after, 'choosing a tenant hands out another token') from cyd;
select is(pg_temp.attach(before), '28000', 'the one that was there before opens nothing: nobody rides along who knew it') from cyd;
select is((pg_temp.refused(before, '7')).code, '28000', 'nor does it choose') from cyd;
select is(tests.tell('gateway', format('select tenancy.logout(%L)', before)), 'f', 'nor does it end the session') from cyd;
select is(pg_temp.attach(after), '00000', 'the new one does') from cyd;
select is(pg_temp.session_of(after), id, 'and the session is the same one') from cyd;
update cyd set after = pg_temp.choose('gateway', after, '03');
select is(pg_temp.with_token(after, 'select tenancy.tenant_bigint()'), '3', 'a tenant is spelled as the directory spells it, whoever chooses it') from cyd;
select is((select array[code, message] from pg_temp.refused(after, '2')), array['42501', 'not a member of this tenant'], 'a tenant of others is refused') from cyd;
select is((select array[code, message] from pg_temp.refused(after, '999999')), array['42501', 'not a member of this tenant'], 'in the words for one that is not there') from cyd;
select tests.tell('operator', 'select tenancy.suspend(''2'', ''a test'')');
select tests.tell('operator', 'select tenancy.suspend(''7'', ''a test'')');
select is((select array[code, message] from pg_temp.refused(after, '2')), array['42501', 'not a member of this tenant'], 'and for one that is suspended') from cyd;
select is((select array[code, message] from pg_temp.refused(after, '7')), array['42501', 'this tenant is suspended'], 'only its own members learn that') from cyd;
select tests.tell('operator', 'select tenancy.resume(''2'')');
select tests.tell('operator', 'select tenancy.suspend(''3'', ''a test'')');
select is(pg_temp.attach(after), '42501', 'who is in a suspended tenant') from cyd;
update cyd set after = pg_temp.choose('gateway', after, '1');
select is(pg_temp.with_token(after, 'select tenancy.tenant_id()'), '1', 'may change to another one') from cyd;
select tests.tell('operator', 'select tenancy.resume(''3'')');
select tests.tell('operator', 'select tenancy.resume(''7'')');
select is((pg_temp.refused(after, repeat('3', 256))).code, '22023', 'an overlong id is refused unread') from cyd;
select is((pg_temp.refused(after, repeat('3', 1000000))).code, '22023', 'so is a megabyte') from cyd;
select is((pg_temp.refused(repeat('A', 1000000), '3')).code, '28000', 'a megabyte of token is no token');
select is((select code from tests.try('gateway', $$select (tenancy.choose_tenant(E'a\x00', '3')).user_id$$)), '22021', 'one with NUL is no text');
select is(pg_temp.attach(after), '00000', 'none of this has touched the session') from cyd;

-- Two at once: one wins, and the token that the other got from nowhere is none.
select tests.tell('a', 'begin');
create temporary table race as select pg_temp.choose('a', after, '3') as won from cyd;
select dblink_send_query('b', format('select (tenancy.choose_tenant(%L, %L)).token', after, '7')) from cyd;
create function pg_temp.until_waiting() returns void language plpgsql as
$$ begin
  while not exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like '%choose_tenant%') loop
    perform pg_stat_clear_snapshot();
  end loop;
end $$;
select pg_temp.until_waiting();
select tests.tell('a', 'commit');
select throws_ok('select * from dblink_get_result(''b'') as answer (token text)', '28000', null, 'of two choices at once the second finds its token dead');
select is(pg_temp.with_token(won, 'select tenancy.tenant_id()'), '3', 'the first holds') from race;
update cyd set after = won from race;
select tests.open('b', 'shop_gateway');

select tests.tell('b', 'begin isolation level repeatable read');
select tests.tell('b', 'select count(*) from pg_class');
create temporary table late as select tests.token('cyd') as token;
select is((select tests.sqlstate_of('b', format('select (tenancy.choose_tenant(%L, %L)).user_id', token, '3')) from late), '00000', 'a snapshot from before the sign-in does not hide the session');
select tests.tell('b', 'commit');

-- ---------------------------------------------------------------- admins step into a tenant and back
create temporary table eve as select tests.token('eve') as token;
select is(pg_temp.with_token(token, 'select tenancy.bypassing() and tenancy.tenant_id() is null'), 't', 'an admin begins with all tenants') from eve;
update eve set token = pg_temp.choose('gateway', token, '2');
select is(pg_temp.with_token(token, 'select concat_ws(''|'', tenancy.bypassing(), tenancy.tenant_id(), current_user, (select count(*) from shop.patient))'),
  'f|2|tenancy_user|5', 'steps into a tenant without being a member of it, and is then held to it') from eve;
select is(pg_temp.with_token(token, $$select tenancy.whoami() ->> 'tenant_name'$$), 'tenant 2', 'whoami tells what it is called') from eve;
select is(tests.tell('gateway', format('select tenant_name from tenancy.choose_tenant(%L, null)', tests.token('eve'))), null, 'all tenants have no name');
select is(tests.tell('gateway', format('select concat_ws(''|'', tenant_id, tenant_name) from tenancy.choose_tenant(%L, ''2'')', tests.token('eve'))), '2|tenant 2', 'and so does choose_tenant');
select is((select array[code, message] from pg_temp.refused(token, '200')), array['42501', 'no membership names this tenant'], 'a tenant that nobody belongs to cannot be chosen') from eve;
select is((pg_temp.refused(token, 'garbage')).code, '22P02', 'nor something that is none') from eve;
update eve set token = pg_temp.choose('gateway', token, null);
select is(pg_temp.with_token(token, 'select tenancy.bypassing()'), 't', 'NULL leads back') from eve;
update eve set token = pg_temp.choose('gateway', token, '2');
select tests.tell('root', 'update shop.account set is_admin = false where user_name = ''eve''');
select is(pg_temp.attach(token), '28000', 'who is no admin any more is put out of the tenant') from eve;
select tests.tell('root', 'update shop.account set is_admin = true where user_name = ''eve''');

-- ---------------------------------------------------------------- one's own sessions
delete from tenancy.session;
create temporary table mine as
  select tests.tell('gateway', $$select token from tenancy.login('ann', 'ann-secret', '{"address": "192.0.2.7", "user_agent": "Lynx/2.8"}')$$) as first, tests.token('ann') as second, tests.token('ann') as third, tests.token('bob') as bob;
select is(pg_temp.with_token(first, 'select string_agg(concat_ws(''|'', tenant_id, address, user_agent, is_current), '' '' order by is_current desc, address) from tenancy.my_sessions()'),
  '1|192.0.2.7|Lynx/2.8|t 1|f 1|f', 'a user sees all own sessions, where they are from, and which one this is') from mine;
select is(pg_temp.with_token(first, 'select is_current from tenancy.my_sessions()'), 't', 'the current one comes first') from mine;
select is(pg_temp.with_token(first, 'select bool_and(created_at <= last_used_at and last_used_at < expires_at) from tenancy.my_sessions()'), 't', 'with its times') from mine;
select is(pg_temp.with_token(bob, 'select count(*) from tenancy.my_sessions()'), '1', 'nobody else''s') from mine;
select is(tests.sqlstate_of('a', 'select * from tenancy.my_sessions()'), '42501', 'and none without a context');
select is(tests.sqlstate_of('root', 'select id from tenancy.my_sessions()'), '42501', 'for a superuser neither');
select is(pg_temp.with_token(first, format('select tenancy.revoke(%L)', pg_temp.session_of(third))), 't', 'one is ended by its id') from mine;
select is(pg_temp.with_token(first, 'select count(*) from tenancy.my_sessions()'), '2', 'and is no longer listed') from mine;
select is(pg_temp.with_token(first, format('select tenancy.revoke(%L)', pg_temp.session_of(bob))), 'f', 'somebody else''s is not ended') from mine;
select is(pg_temp.with_token(first, 'select tenancy.revoke(gen_random_uuid())'), 'f', 'and looks like one that is not there') from mine;
select is(pg_temp.with_token(first, 'select tenancy.revoke(null)'), 'f', 'NULL neither') from mine;
select is(pg_temp.with_token(first, 'select tenancy.end_other_sessions()'), '1', 'all others are ended at once') from mine;
select is(array[pg_temp.attach(first), pg_temp.attach(second), pg_temp.attach(bob)], array['00000', '28000', '00000'], 'all but the one that asked, and other people''s') from mine;
select is(pg_temp.with_token(first, 'select tenancy.end_other_sessions()'), '0', 'then there is none left to end') from mine;
select is(tests.sqlstate_of('root', 'select tenancy.end_other_sessions()'), '42501', 'without a context there is nobody whose they were');
select is(tests.sqlstate_of('root', 'set tenancy.on_missing_context = empty; select tenancy.end_other_sessions()'), '42501', 'also where a missing context is no error');
select tests.tell('root', 'reset tenancy.on_missing_context');
update tenancy.session set last_used_at = now() - interval '61 minutes' where id = (select pg_temp.session_of(first) from mine);
insert into mine select tests.token('ann');
select is(pg_temp.with_token(first, 'select count(*) from tenancy.my_sessions()'), '1', 'an idle session is over and not listed') from mine where second is null;

-- ---------------------------------------------------------------- operators end sessions
delete from tenancy.session;
create temporary table many as select name, tests.token(name) as token from unnest(array['ann', 'cyd', 'bob', 'ian', 'joy', 'eve']) name;
update many set token = pg_temp.choose('gateway', token, '3') where name = 'cyd';
create function pg_temp.living() returns text language sql as
$$ select string_agg(name, ' ' order by name) from many where pg_temp.attach(token) = '00000' $$;
select is(tests.sqlstate_of('operator', 'select tenancy.revoke_all()'), '22004', 'all sessions of nobody in particular are not ended by mistake');
select is(tests.sqlstate_of('operator', 'select tenancy.revoke_all(tenant => ''garbage'')'), '22P02', 'an id of the wrong type is bad input');
select is(tests.sqlstate_of('operator', 'select tenancy.revoke_all(user_id => ''garbage'')'), '22P02', 'of a user too');
select is(tests.sqlstate_of('operator', 'select tenancy.revoke_all(tenant => repeat(''1'', 1000000))'), '22023', 'a megabyte is none');
select is(tests.tell('operator', 'select tenancy.revoke_all(tenant => ''999999'')'), '0', 'a tenant that is not there has no sessions');
select is(tests.sqlstate_of('gateway', 'select tenancy.revoke_all(tenant => ''1'')'), '42501', 'the gateway ends none of others');
select is(tests.sqlstate_as('b', 'ann', 'select tenancy.revoke_all(tenant => ''1'')'), '42501', 'nor does a tenant');
select is(tests.tell('operator', (select format('select tenancy.revoke_all(user_id => %L)', '0' || id) from shop.account where user_name = 'ian')), '1', 'a user''s are ended');
select is(pg_temp.living(), 'ann bob cyd eve joy', 'and nobody else''s');
select is(tests.tell('operator', 'select tenancy.revoke_all(tenant => ''1'')'), '3', 'a tenant''s are ended');
select is(pg_temp.living(), 'bob eve joy', 'also of members who had chosen another one');
select is(tests.tell('operator', (select format('select tenancy.revoke_all(''2'', %L)', id) from shop.account where user_name = 'joy')), '0', 'a user in a tenant: not where the user is no member');
update many set token = pg_temp.choose('gateway', token, '2') where name = 'eve';
select is(tests.tell('operator', (select format('select tenancy.revoke_all(''2'', %L)', id) from shop.account where user_name = 'eve')), '1', 'but an admin who has stepped into it');
select is(pg_temp.living(), 'bob joy', 'and only that one');
select is(tests.tell('operator', (select format('select tenancy.revoke(%L)', pg_temp.session_of(token)) from many where name = 'joy')), 't', 'or any single one by its id');
select is(tests.sqlstate_of('gateway', 'select tenancy.rotate_secrets()'), '42501', 'the gateway rotates nothing');
select is(tests.tell('operator', 'select tenancy.rotate_secrets()'), '1', 'rotate_secrets ends what is left');
select is(pg_temp.living(), null, 'nobody is signed in');
delete from tenancy.token_cutoff; -- of the signed tokens, which are another test's
select is((select array_agg(action order by id) from (select id, action from tenancy.audit_log where action in ('revoke', 'revoke_all', 'rotate_secrets') order by id desc limit 3) l),
  array['revoke_all', 'revoke', 'rotate_secrets'], 'all of it is in the audit log');

-- ---------------------------------------------------------------- clean-up
delete from tenancy.session;
insert into tenancy.session (token_hash, user_id, created_at, last_used_at, expires_at, revoked_at, client)
select sha256(convert_to(what || n, 'UTF8')), 'nobody', now() - interval '9 days', last_used, expires, revoked, jsonb_build_object('what', what)
  from (values ('live', now(), now() + interval '1 day', null), ('expired lately', now() - interval '1 day', now() - interval '23 hours', null), ('expired', now() - interval '2 days', now() - interval '25 hours', null),
               ('revoked lately', now() - interval '1 day', now() + interval '1 day', now() - interval '23 hours'), ('revoked', now() - interval '2 days', now() + interval '1 day', now() - interval '25 hours'),
               ('idle lately', now() - interval '24 hours', now() + interval '1 day', null), ('idle', now() - interval '26 hours', now() + interval '1 day', null)) v (what, last_used, expires, revoked),
       generate_series(1, 10) n;
create function pg_temp.left_over() returns text language sql as
$$ select string_agg(format('%s %s', client ->> 'what', count), ', ' order by client ->> 'what') from (select client, count(*) from tenancy.session group by client) s $$;
select is(tests.sqlstate_of('gateway', 'select tenancy.clean_sessions(' || batch || ')'), '22023', 'a batch of ' || batch || ' is refused') from unnest(array['0', '-1', 'null', '100001']) batch;
select is(tests.sqlstate_as('a', 'ann', 'select tenancy.clean_sessions()'), '42501', 'tenants clean nothing');
delete from tenancy.session where client = '{}';
select is(tests.tell('gateway', 'select tenancy.clean_sessions(7)'), '7', 'a batch is at most so many');
select tests.tell('root', 'begin');
select tests.tell('root', 'select count(*) from (select from tenancy.session where client ->> ''what'' = ''expired'' for update) s');
select ok(tests.tell('gateway', 'select tenancy.clean_sessions(100)')::int between 13 and 20, 'what somebody else works on is left for later, without waiting');
select tests.tell('root', 'commit');
select cmp_ok(tests.tell('gateway', 'select tenancy.clean_sessions()')::int, '>', 0, 'the gateway cleans the rest');
select is(pg_temp.left_over(), 'expired lately 10, idle lately 10, live 10, revoked lately 10', 'sessions that are over are kept for tenancy.session_retention, those that live are not touched');
select is(tests.tell('operator', 'select tenancy.clean_sessions()'), '0', 'then there is nothing to do');
select tests.tell('root', 'set tenancy.session_retention = 0');
select is(tests.tell('root', 'select tenancy.clean_sessions()'), '30', 'without retention all that are over go');
select is(pg_temp.left_over(), 'live 10', 'and the living stay');
insert into tenancy.session (token_hash, user_id, last_used_at, expires_at, purpose)
  select sha256('a job'), user_id::text, now() - interval '2 hours', now() + interval '1 day', 'nightly' from shop.accounts where user_name = 'bob';
select is(tests.tell('root', 'select tenancy.clean_sessions()'), '0', 'a job''s session waits for its turn, however long it was idle');
select tests.begin_as('a', 'bob');
select is(tests.tell('a', 'select count(*) from tenancy.my_sessions() where not is_current'), '1', 'and its user sees that it lives');
select tests.tell('a', 'rollback');
select is(tests.sqlstate_of('gateway', 'set tenancy.session_retention = 0'), '42501', 'the gateway does not shorten it');
select tests.tell('root', 'reset tenancy.session_retention');
delete from tenancy.session;

select * from finish();
