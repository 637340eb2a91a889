-- Sign-in: who gets a token, who does not and what he is told, what a session may do and when it ends.

select plan(102);
select tests.open('gateway', 'shop_gateway');
select tests.open('a', 'shop_gateway');

create function pg_temp.login(user_name text, password text) returns text language sql as
$$ select tests.sqlstate_of('gateway', format('select user_id from tenancy.login(%L, %L)', user_name, password)) $$;

-- ---------------------------------------------------------------- the right password
select is(pg_temp.login('ann', 'ann-secret'), '00000', 'bcrypt $2b$ signs in');
select is(pg_temp.login('ian', 'ian-secret'), '00000', 'bcrypt $2a$ signs in');
select is(pg_temp.login('joy', 'joy-secret'), '00000', 'bcrypt $2y$ signs in');
select is(pg_temp.login('hal', 'hal-secret'), '00000', 'yescrypt signs in');
select is(pg_temp.login('gil', 'gil-secret'), '00000', 'SHA-512 signs in');
select is(pg_temp.login('lea', repeat('l', 72)), '00000', 'bcrypt with a password of 72 bytes signs in');

select is(tests.tell('gateway', $$select concat_ws('|', length(token), user_name, is_admin, tenant_id, tenants) from tenancy.login('ann', 'ann-secret')$$),
  '43|ann|f|1|[{"id": "1", "name": "tenant 1", "role": "member"}]', 'who has one tenant gets it with the token');
select is(tests.tell('gateway', $$select concat_ws('|', is_admin, coalesce(tenant_id, 'none'), tenants) from tenancy.login('cyd', 'cyd-secret')$$),
  'f|none|[{"id": "1", "name": "tenant 1", "role": "member"}, {"id": "3", "name": "tenant 3", "role": "member"}, {"id": "7", "name": "tenant 7", "role": "member"}]',
  'who has several has none yet and sees them listed');
select is(tests.tell('gateway', $$select concat_ws('|', is_admin, coalesce(tenant_id, 'none'), tenants) from tenancy.login('eve', 'eve-secret')$$),
  't|none|[]', 'an admin has none');
select is(tests.tell('gateway', $$select concat_ws('|', is_admin, coalesce(tenant_id, 'none'), tenants) from tenancy.login('dan', 'dan-secret')$$),
  'f|none|[]', 'so has somebody without a membership');
select is(tests.sqlstate_as('a', 'dan', 'select count(*) from shop.patient'), '42501', 'who then sees nothing');
select is(tests.tell('gateway', $$select expires_at between now() + interval '11 hours 59 minutes' and now() + interval '12 hours 1 minute' from tenancy.login('ann', 'ann-secret')$$),
  't', 'a session lasts twelve hours');
select is(tests.tell('gateway', $$select count(distinct token) from (select (tenancy.login('ann', 'ann-secret')).token from generate_series(1, 3)) s$$),
  '3', 'every sign-in has a token of its own');
select is(tests.tell('gateway', $$select tenancy.login('ann', 'ann-secret', '{"address": "192.0.2.1"}') is not null$$), 't', 'the caller may say who the client is');
select is((select client ->> 'address' from tenancy.session where client ? 'address' order by created_at desc limit 1), '192.0.2.1', 'and it is kept');
select is(tests.sqlstate_of('gateway', $$select tenancy.login('ann', 'ann-secret', '[]')::text$$), '22023', 'but it is an object');
select is(tests.sqlstate_of('gateway', $$select tenancy.login('ann', 'ann-secret', jsonb_build_object('x', repeat('x', 5000)))::text$$), '22023', 'and no larger than 4 KB');

-- ---------------------------------------------------------------- the wrong one
create temporary table refusal as
  select attempt.what, outcome.*
    from (values
      ('a wrong password',               $$'ann', 'ann-secreT'$$),
      ('an unknown name',                $$'nobody', 'ann-secret'$$),
      ('a name in other case',           $$'Ann', 'ann-secret'$$),
      ('a name with a blank',            $$'ann ', 'ann-secret'$$),
      ('a disabled account',             $$'fay', 'fay-secret'$$),
      ('a name that stands twice',       $$'twin', 'twin-secret'$$),
      ('an account without a hash',      $$'ned', 'ned-secret'$$),
      ('a hash of no known scheme',      $$'max', 'a password in plain text'$$),
      ('a hash too costly to verify',    $$'ken', 'ken-secret'$$),
      ('an empty name',                  $$'', 'ann-secret'$$),
      ('an empty password',              $$'ann', ''$$),
      ('a name that is NULL',            $$null, 'ann-secret'$$),
      ('a password that is NULL',        $$'ann', null$$),
      ('both NULL',                      $$null, null$$),
      ('a hash for a password',          $$'max', '$2b$04$abcdefghijklmnopqrstuu'$$),
      ('73 bytes against bcrypt of 72',  $$'lea', repeat('l', 73)$$),
      ('SQL in the name',                $$''' or true --', 'ann-secret'$$),
      ('511 bytes',                      $$'ann', repeat('x', 511)$$)
    ) as attempt (what, arguments),
    lateral tests.try('gateway', format('select (tenancy.login(%s)).token', attempt.arguments)) outcome;
select is(code, '28P01', what || ' is refused') from refusal;
select is(count(distinct (message, coalesce(detail, ''), coalesce(hint, ''))), 1::bigint, 'all of these refusals are one text') from refusal;
select is(min(message), 'wrong user name or password', 'which tells nothing') from refusal;
-- ken's hash is of the password that was tried, so it was not verified. With a hash of common cost it is.
create temporary table costly as select password_hash from shop.account where user_name = 'ken';
select matches(password_hash, '^\$2b\$17\$', 'that costly hash is bcrypt of cost 17') from costly;
update shop.account set password_hash = crypt('ken-secret', gen_salt('bf', 4)) where user_name = 'ken';
select is(pg_temp.login('ken', 'ken-secret'), '00000', 'with a hash of common cost the same account signs in');
update shop.account a set password_hash = c.password_hash from costly c where user_name = 'ken';

-- ---------------------------------------------------------------- input that is none
select is(tests.sqlstate_of('gateway', $$select tenancy.login('ann', repeat('x', 512))::text$$), '22023', 'a password of 512 bytes is refused unread');
select is(tests.sqlstate_of('gateway', $$select tenancy.login('ann', repeat('x', 1000000))::text$$), '22023', 'so is one of a megabyte');
select is(tests.sqlstate_of('gateway', $$select tenancy.login(repeat('x', 1025), 'y')::text$$), '22023', 'so is a name beyond 1024 bytes');
select is(tests.sqlstate_of('gateway', $$select tenancy.login(repeat('x', 1000000), 'y')::text$$), '22023', 'or of a megabyte');
select is(tests.sqlstate_of('gateway', $$select tenancy.login(E'an\x00n', 'y')::text$$), '22021', 'NUL is no text: the server says so');
select is(tests.sqlstate_of('gateway', $$select tenancy.login(E'\xff\xfe', 'y')::text$$), '22021', 'invalid UTF-8 neither');
select is(tests.sqlstate_of('gateway', $$select tenancy.login(chr(128169), 'y')::text$$), '28P01', 'any other character is a wrong name');

-- ---------------------------------------------------------------- hash_password
select is(tests.sqlstate_of('gateway', $$select tenancy.hash_password('x')$$), '42501', 'the gateway makes no hashes');
select tests.open('operator', 'shop_operator');
select matches(tests.tell('operator', $$select tenancy.hash_password('a new password')$$), '^\$y\$', 'operators do: yescrypt');
select isnt(tests.tell('operator', $$select tenancy.hash_password('x')$$), tests.tell('operator', $$select tenancy.hash_password('x')$$), 'two hashes of one password differ');
select is(tests.sqlstate_of('operator', $$select tenancy.hash_password('')$$), '22023', 'of an empty password there is none');
select is(tests.sqlstate_of('operator', $$select tenancy.hash_password(null)$$), '22023', 'nor of NULL');
select is(tests.sqlstate_of('operator', $$select tenancy.hash_password(repeat('x', 512))$$), '22023', 'nor of one that could not sign in');

-- ---------------------------------------------------------------- attach and its tokens
select is(tests.sqlstate_of('a', $$select tenancy.attach('')$$), '28000', 'an empty token is refused');
select is(tests.sqlstate_of('a', $$select tenancy.attach(null)$$), '28000', 'NULL is');
select is(tests.sqlstate_of('a', $$select tenancy.attach(repeat('A', 43))$$), '28000', 'a well-formed token of nobody is');
select is(tests.sqlstate_of('a', $$select tenancy.attach(repeat('A', 1000000))$$), '28000', 'a megabyte is');
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', tests.token('ann') || ' ')), '28000', 'a true one with a blank is');
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', token || 'x')), '28000', 'and one with a letter too many') from tests.token('ann') token;
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', overlay(token placing case substr(token, 20, 1) when 'A' then 'B' else 'A' end from 20 for 1))), '28000',
  'or one changed') from tests.token('ann') token;
select is(tests.sqlstate_of('a', (select format('select tenancy.attach(%L)', encode(token_hash, 'hex')) from tenancy.session limit 1)), '28000',
  'the stored hash opens nothing');

-- The table knows no token.
create temporary table issued as select tests.token('ann') as token;
select is((select count(*) from tenancy.session s, issued i where strpos(s::text, i.token) > 0 or s.token_hash = convert_to(i.token, 'UTF8')), 0::bigint,
  'no column of tenancy.session holds the token');
select is((select count(*) from tenancy.session s, issued i where s.token_hash = sha256(convert_to(i.token, 'UTF8'))), 1::bigint, 'but its SHA-256');

-- ---------------------------------------------------------------- choose_tenant
create temporary table cyd as select tests.token('cyd') as token;
-- Each choice hands out a new token.
create function pg_temp.choose(tenant text) returns text language plpgsql as
$$
begin
  update cyd set token = tests.tell('gateway', format('select token from tenancy.choose_tenant(%L, %L)', token, tenant));
  return '00000';
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.choose('3'), '00000', 'a member chooses its tenant');
select is((select tests.tell('a', format('begin; select tenancy.attach(%L); select tenancy.tenant_id()', token)) from cyd), '3', 'and has it in the next transaction');
select is((select tests.sqlstate_inside('a', format('select (tenancy.choose_tenant(%L, %L)).tenant_id', token, '7')) from cyd), '42501', 'inside a context tenancy_user cannot choose');
select tests.tell('a', 'commit');
select is(pg_temp.choose('7'), '00000', 'it may choose again');
create temporary table before as select * from cyd;
select is(pg_temp.choose('1'), '00000', 'each time with a new token');
select is((select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) from before), '28000', 'and the one before opens nothing from then on');
select is(pg_temp.choose('2'), '42501', 'not somebody else''s');
select is(pg_temp.choose('999999'), '42501', 'nor one that is not there');
select is(pg_temp.choose('garbage'), '22P02', 'an id of the wrong type is bad input');
select is(pg_temp.choose('99999999999999999999'), '22003', 'one beyond bigint is out of range');
select is(pg_temp.choose(''), '22P02', 'an empty one is bad input');
select is((select tests.tell('a', format('begin; select tenancy.attach(%L); select tenancy.tenant_id()', token)) from cyd), '1', 'none of these changed the choice');
select tests.tell('a', 'commit');
select is(tests.sqlstate_of('gateway', $$select (tenancy.choose_tenant(repeat('A', 43), '1')).tenant_id$$), '28000', 'a bad token chooses nothing');
select is(tests.sqlstate_of('gateway', $$select (tenancy.choose_tenant(null, '1')).tenant_id$$), '28000', 'NULL neither');
select is(pg_temp.choose(null), '00000', 'NULL gives the choice back');
select is((select tests.sqlstate_of('a', format('begin; select tenancy.attach(%L); select tenancy.tenant_id()', token)) from cyd), '42501', 'then no tenant is chosen');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- end of sessions
create temporary table ended as select tests.token('ann') as token;
create function pg_temp.attach(token text) returns text language sql as
$$ select tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)) $$;
select is((select tests.tell('gateway', format('select tenancy.logout(%L)', token)) from ended), 't', 'logout ends a session');
select is((select pg_temp.attach(token) from ended), '28000', 'which is then refused');
select is((select tests.tell('gateway', format('select tenancy.logout(%L)', token)) from ended), 'f', 'a second logout finds none, without an error');
select is(tests.tell('gateway', $$select tenancy.logout('garbage')$$), 'f', 'nor does one of garbage');
select is(tests.tell('gateway', 'select tenancy.logout(null)'), 'f', 'or of NULL');

create function pg_temp.session_of(token text) returns uuid language sql as
$$ select id from tenancy.session where token_hash = sha256(convert_to(token, 'UTF8')) $$;
create temporary table pair as select tests.token('ann') as first, tests.token('ann') as second, tests.token('bob') as bob;
select tests.tell('a', 'begin');
select tests.tell('a', format('select tenancy.attach(%L)', first)) from pair;
select is((select tests.tell('a', format('select tenancy.revoke(%L)', pg_temp.session_of(bob))) from pair), 'f', 'nobody ends a session of somebody else');
select is((select tests.tell('a', format('select tenancy.revoke(%L)', pg_temp.session_of(second))) from pair), 't', 'but another one of his own');
select tests.tell('a', 'commit');
select is((select pg_temp.attach(second) from pair), '28000', 'which is then refused');
select is((select pg_temp.attach(first) from pair), '00000', 'the one he used lives');
select is((select pg_temp.attach(bob) from pair), '00000', 'so does the other person''s');
select is((select tests.sqlstate_of('gateway', format('select tenancy.revoke(%L)', pg_temp.session_of(bob))) from pair), '42501', 'the gateway''s login ends none by its id');
select is((select tests.tell('operator', format('select tenancy.revoke(%L)', pg_temp.session_of(bob))) from pair), 't', 'an operator ends any');
select is((select tests.tell('operator', format('select tenancy.revoke(%L)', pg_temp.session_of(bob))) from pair), 'f', 'once');
select is((select pg_temp.attach(bob) from pair), '28000', 'and it is refused');

create temporary table aging as select tests.token('ann') as absolute, tests.token('ann') as idle;
update tenancy.session set expires_at = now() - interval '1 second' where id = (select pg_temp.session_of(absolute) from aging);
select is((select pg_temp.attach(absolute) from aging), '28000', 'a session past its lifetime is refused');
select is((select tests.tell('gateway', format('select tenancy.logout(%L)', absolute)) from aging), 'f', 'and is no longer there to end');
update tenancy.session set last_used_at = now() - interval '59 minutes' where id = (select pg_temp.session_of(idle) from aging);
select is((select pg_temp.attach(idle) from aging), '00000', 'a session idle for 59 minutes is accepted');
select cmp_ok((select last_used_at from tenancy.session, aging where id = pg_temp.session_of(idle)), '>', now() - interval '1 minute', 'and counts from that use');
update tenancy.session set last_used_at = now() - interval '61 minutes' where id = (select pg_temp.session_of(idle) from aging);
select is((select pg_temp.attach(idle) from aging), '28000', 'idle for 61 minutes it is refused');
select is(tests.sqlstate_of('gateway', 'set tenancy.session_idle_timeout = 0'), '42501', 'the gateway cannot lift the idle limit');
select is(tests.sqlstate_of('gateway', 'set tenancy.session_lifetime = ''100 days'''), '42501', 'nor the lifetime');

-- ---------------------------------------------------------------- inside a context
select is(tests.sqlstate_as('a', 'ann', $$select (tenancy.login('bob', 'bob-secret')).token$$), '42501', 'nobody signs in inside a context: tenancy_user may not call it');
grant execute on function tenancy.login(text, text, jsonb), tenancy.choose_tenant(text, text) to tenancy_user;
select is(tests.sqlstate_as('a', 'ann', $$select (tenancy.login('bob', 'bob-secret')).token$$), '25001', 'and it would be refused if it might');
select is(tests.sqlstate_as('a', 'ann', $$select (tenancy.choose_tenant('x', '1')).user_id$$), '25001', 'the same for choose_tenant');
revoke execute on function tenancy.login(text, text, jsonb), tenancy.choose_tenant(text, text) from tenancy_user;

select * from finish();
