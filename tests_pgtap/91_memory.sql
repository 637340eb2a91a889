-- Memory: a session that lives for days calls these functions millions of times. Each of them is called again and again
-- in one session, whose memory contexts and whose size stay as they were.

create temporary table call (what text, statement text, ending text default 'commit', times integer default 200, prelude text default '', session text default 'root');
select plan(2 * 26 + 2);
select tests.open('owner', 'shop_owner');
select tests.open('root', 'shop_root', '-c log_min_messages=panic');
select tests.open('operator', 'shop_operator');

-- ---------------------------------------------------------------- what is called
create function pg_temp.url(bytes bytea) returns text language sql as
$$ select translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
create function pg_temp.signed(secret text) returns text language sql as
$$
  select input || '.' || pg_temp.url(hmac(convert_to(input, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'))
    from (select pg_temp.url('{"alg":"HS256"}') || '.' || pg_temp.url(convert_to(format(
                   '{"iss":"https://id.example/","aud":"shop","sub":%s,"exp":4102444800}', min(id)), 'UTF8'))
            from shop.account where user_name = 'ann') i (input)
$$;
create temporary table secret as select 'a secret only the issuer knows, of 42 bytes' as ours, 'a secret that somebody else has, 41 bytes' as other;
select tests.tell('owner', format('select tenancy.trust_issuer(%L, %L, array[%L])', 'https://id.example/',
                                  jsonb_build_object('kty', 'oct', 'k', pg_temp.url(convert_to(ours, 'UTF8'))), 'shop')) from secret;
create temporary table given as
  select tests.token('ann') as ann, tests.token('cyd') as cyd, tests.token('eve') as eve, pg_temp.signed(ours) as signed, pg_temp.signed(other) as forged
    from secret;
create function pg_temp.attach(token text) returns text language sql as $$ select format('select tenancy.attach(%L)', token) $$;
create function pg_temp.refused(statement text) returns text language sql as
$$ select format('do $do$ begin %s; exception when others then null; end $do$', replace(statement, 'select', 'perform')) $$;

insert into call (what, statement) select * from (
  select 'attach by a session token', pg_temp.attach(ann) from given
  union all select 'attach of an admin', pg_temp.attach(eve) from given
  union all select 'attach by a signed token', pg_temp.attach(signed) from given
  union all select 'attach by a signed token to a tenant', format('select tenancy.attach(%L, %L)', signed, '1') from given
  union all select 'an unknown token', pg_temp.refused(pg_temp.attach(repeat('A', 43)))
  union all select 'a forged token', pg_temp.refused(pg_temp.attach(forged)) from given
  union all select 'a token that is none', pg_temp.refused(pg_temp.attach('a.b.c'))
  union all select 'a command that the seal refuses', pg_temp.refused(pg_temp.attach(ann) || '; lock table shop.patient') from given
  union all select 'an identifier of another type', pg_temp.refused('select tenancy.tenant_uuid()')
  union all select 'names in the directory', 'select tenancy.known_tenant(''1''), tenancy.known_user(''1''), tenancy.members_of(''1''), tenancy.name_key(''Ann''), tenancy.throttled_address(''::1'')'
  union all select 'the algorithm of a key', $$select tenancy.jwk_algorithm('{"kty":"oct","k":"YSBzZWNyZXQgb2YgZm9ydHkgYnl0ZXMgb3IgbW9yZSwgaXQgaXM"}', '{HS256,RS256}')$$
  union all select 'state of the guard', 'select tenancy.guard_mode(), tenancy.own_work(), tenancy.schema_change_is_announced()'
  union all select 'a command that the hooks see', 'set local timezone = ''UTC''') v;
insert into call (what, statement, prelude) select what, statement, pg_temp.attach(ann) || ';' from given, (values
  ('readers', 'select tenancy.tenant_id(), tenancy.tenant_bigint(), tenancy.user_id(), tenancy.user_bigint(), tenancy.bypassing(), tenancy.session_id(), tenancy.role(), tenancy.has_role(''{member,owner}''), tenancy.actor(), tenancy.whoami()'),
  ('the current sign-in', 'select tenancy.current_sign_in()'),
  ('a point read', 'select note from shop.patient where id = 1'),
  ('an insert', 'insert into shop.patient (name) values (''new'')'),
  ('a savepoint', 'savepoint s; select 1; rollback to s')) v (what, statement);
update call set ending = 'rollback' where what = 'an insert';
-- What OpenSSL makes for a token is small.
update call set times = 400 where what ~ 'signed|forged';
insert into call (session, what, ending, times, statement)
  select 'operator', 'a job''s token', 'rollback', 100, $$select tenancy.job_token('1', '1', '1 minute', 'a test')$$
  union all select 'operator', 'a bypass', 'rollback', 100, $$select tenancy.bypass('a test')$$
  union all select 'operator', 'acting as a user', 'rollback', 100, $$select tenancy.act_as('1', '1', 'a test')$$
  union all select 'operator', 'a statement for each tenant', 'rollback', 30, $$select tenancy.for_each_tenant('select 1', 'a test', '{1,2,3}')$$
  union all select 'root', 'the choice of a tenant', 'rollback', 100, format('select tenancy.choose_tenant(%L, %L)', cyd, '3') from given
  union all select 'root', 'sign-in', 'rollback', 100, $$select tenancy.login('ann', 'ann-secret')$$
  union all select 'root', 'a refused sign-in', 'rollback', 100, pg_temp.refused($$select tenancy.login('ann', 'wrong')$$)
  union all select 'root', 'a password''s hash', 'rollback', 10, $$select tenancy.hash_password('a password')$$;

-- ---------------------------------------------------------------- what it leaves behind
-- Bytes in use in a session's memory contexts, and kilobytes of its process that it shares with no other, where what
-- C++ and OpenSSL keep is too.
create function public.memory_of_session(out contexts bigint, out size bigint) language sql security definer as
$$ select sum(used_bytes), (m[2]::bigint - m[3]::bigint) * 4
     from pg_backend_memory_contexts, string_to_array(pg_read_file('/proc/self/statm'), ' ') m group by m $$;
create function pg_temp.memory(session text, out contexts bigint, out size bigint) language sql as
$$ select * from dblink(session, 'select * from public.memory_of_session()') as m (contexts bigint, size bigint) $$;
-- Ten in a message: parse trees of hundreds would move the end of the heap.
create function pg_temp.run(call call, times integer) returns bigint language sql as
$$ select count(dblink_exec(call.session, repeat(format('begin; %s %s; %s;', call.prelude, call.statement, call.ending), 10))) from generate_series(1, times / 10) $$;

create function pg_temp.story(call call) returns setof text language plpgsql as
$$
declare
  before record;
  now record;
  later record;
begin
  perform pg_temp.memory(call.session);
  -- Caches and generic plans are made in the first calls.
  perform pg_temp.run(call, call.times);
  before := pg_temp.memory(call.session);
  perform pg_temp.run(call, call.times);
  now := pg_temp.memory(call.session);
  perform pg_temp.run(call, call.times);
  later := pg_temp.memory(call.session);
  -- What is left by each call grows both times; a cache that fills, once.
  return next cmp_ok(least(now.contexts - before.contexts, later.contexts - now.contexts), '<', (1024 + 2 * call.times)::bigint, format('%s: nothing is left in a memory context', call.what));
  return next cmp_ok(least(now.size - before.size, later.size - now.size), '<=', 64::bigint, format('%s: the process stays as big as it was', call.what));
end
$$;
select pg_temp.story(c) from call c;

-- ---------------------------------------------------------------- the test sees what is left
create temporary table before as select * from pg_temp.memory('root');
select dblink_exec('root', string_agg(format('prepare kept_%s as select 1', n), ';')) from generate_series(1, 300) n;
select cmp_ok(now.contexts - before.contexts, '>', 5296::bigint, 'what stays in a memory context is seen') from before, pg_temp.memory('root') now;
select cmp_ok(now.size - before.size, '>', 128::bigint, 'so is a process that grows') from before, pg_temp.memory('root') now;

drop function public.memory_of_session();
-- Nobody has to wait for the sign-ins that were refused here.
delete from tenancy.sign_in_attempt;
select tests.tell('owner', $$select tenancy.distrust_issuer('https://id.example/')$$);
select * from finish();
