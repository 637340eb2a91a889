-- Admins of the application: what is for operators is for them too, in a bypass context, where the application has opened it
-- to tenancy_admin. Who is refused all the same: everybody without the opening, tenants, an admin who has stepped into a
-- tenant, acting as somebody, jobs, and a login of the gateway that only takes the role.

select plan(63);
select tests.open('a', 'shop_gateway');
select tests.open('op', 'shop_operator');
select tests.open('own', 'shop_owner');

create function pg_temp.id(name text) returns text language sql as $$ select min(id)::text from shop.account where user_name = name $$;
create temporary table deed (name text, statement text);
insert into deed values ('suspend', $$select tenancy.suspend('4', 'unpaid')$$), ('resume', $$select tenancy.resume('4')$$),
  ('session_counts', 'select count(*) from tenancy.session_counts()'), ('start_isolation_run', 'select tenancy.start_isolation_run()');

-- ---------------------------------------------------------------- not opened: nobody
select is(tests.sqlstate_as('a', 'eve', d.statement), '42501', format('an admin may not %s by himself', d.name)) from deed d;
select is(tests.sqlstate_as('a', 'eve', 'select count(*) from tenancy.' || v), '42501', format('nor read %s', v))
  from unnest(array['audit_log', 'suspensions', 'isolation_runs', 'isolation_results']) v;
-- The owner of the database may call them, and so may a function of his: but not for an admin who has not been let in.
select tests.tell('own', $$create function shop.suspend_for(tenant text) returns boolean language sql security definer set search_path = pg_catalog, pg_temp
  as 'select tenancy.suspend(tenant, ''by a function'')'$$);
select tests.tell('own', 'grant execute on function shop.suspend_for(text) to tenancy_admin, tenancy_user');
select is(tests.sqlstate_as('a', 'eve', $$select shop.suspend_for('4')$$), '42501', 'a SECURITY DEFINER function of the owner does not open it');
select matches((select hint from (select tests.begin_as('a', 'eve')) b, tests.try('a', $$select shop.suspend_for('4')$$)), 'GRANT EXECUTE ON FUNCTION tenancy.suspend\(text,text\) TO tenancy_admin',
  'the hint says what would');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- opened
select is_empty($$select tests.findings('extension_right_granted')$$, 'the check has nothing to say of the rights before');
set tenancy.guard = refuse;
select lives_ok($$grant execute on function tenancy.suspend(text, text), tenancy.resume(text), tenancy.session_counts(), tenancy.start_isolation_run() to tenancy_admin$$, 'a superuser opens the functions');
select lives_ok($$grant select on tenancy.audit_log, tenancy.suspensions, tenancy.isolation_runs, tenancy.isolation_results to tenancy_admin$$, 'and the views, which the guard lets pass');
select throws_ok($$grant select on tenancy.audit_log to tenancy_user$$, '55000', null, 'but not for tenants');
set tenancy.guard = off;
select is_empty($$select tests.findings('extension_right_granted')$$, 'nor has the check: each asks for a bypass context itself');

select tests.token('bob'), tests.token('bob'), tests.token('ann') as ann, tests.token('eve') as eve \gset
select is(tests.tell_as('a', 'eve', $$select tenancy.suspend('4', 'unpaid')$$), 't', 'an admin suspends a tenant');
select is(tests.tell_as('a', 'eve', $$select concat_ws(' ', tenant_id, reason, suspended_by, user_id = tenancy.user_id()) from tenancy.suspensions$$), '4 unpaid shop_gateway t', 'and sees who did it, and why');
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', tests.token('ian'))), '42501', 'its users are kept out');
select is(tests.tell_as('a', 'eve', $$select tenancy.suspend('4', 'again')$$), 'f', 'once is enough');
select is((select concat_ws(' ', action, login, user_id = pg_temp.id('eve'), tenant_id, reason, session_id is not null) from tenancy.audit_log where action = 'suspend' order by id desc limit 1),
  'suspend shop_gateway t 4 unpaid t', 'it is on record with the admin, as the bypass is');
select is(tests.tell_as('a', 'eve', $$select concat_ws(' ', user_id = tenancy.user_id(), tenant_id) from tenancy.audit_log where action = 'suspend' order by id desc limit 1$$), 't 4', 'where an admin reads it');
select is(tests.tell_as('a', 'eve', $$select tenancy.resume('4')$$), 't', 'and resumes it');
select is((select user_id = pg_temp.id('eve') from tenancy.audit_log where action = 'resume' order by id desc limit 1), true, 'which is on record as well');
select is(tests.tell_as('a', 'eve', $$select sessions >= 2 from tenancy.session_counts() where tenant_id = '2'$$), 't', 'sessions are counted by tenant');
select is(tests.tell_as('a', 'eve', $$select shop.suspend_for('4')$$), 't', 'a function of the owner is a way like any other now');
select tests.begin_as('a', 'eve');
select tests.tell('a', $$select tenancy.resume('4')$$);
select tests.tell('a', 'rollback');
select is(tests.tell_as('a', 'eve', $$select count(*) from tenancy.suspensions$$), '1', 'what is rolled back was not done');
select is(tests.tell_as('a', 'eve', $$select tenancy.resume('4')$$), 't', 'done again, it is');
select tests.tell('a', 'begin read only');
select tests.tell('a', tests.attach_as('eve'));
select is(tests.sqlstate_inside('a', statement), '25006', format('no %s in a transaction that only reads', name)) from deed where name in ('suspend', 'start_isolation_run');
select tests.tell('a', 'rollback');

-- A signed token, where the directory says that its user is an admin.
create function pg_temp.url(bytes bytea) returns text language sql as $$ select translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
create function pg_temp.signed(name text, more jsonb default '{}') returns text language sql as $$
  select input || '.' || pg_temp.url(hmac(convert_to(input, 'UTF8'), convert_to(repeat('s', 40), 'UTF8'), 'sha256'))
    from (select pg_temp.url('{"alg":"HS256","typ":"JWT"}') || '.' || pg_temp.url(convert_to((jsonb_build_object('iss', 'https://admins.example/', 'aud', 'shop', 'sub', pg_temp.id(name),
            'exp', floor(extract(epoch from clock_timestamp()))::bigint + 3600) || more)::text, 'UTF8'))) i (input) $$;
select tenancy.trust_issuer('https://admins.example/', jsonb_build_object('kty', 'oct', 'k', pg_temp.url(convert_to(repeat('s', 40), 'UTF8'))), array['shop']);
create function pg_temp.try_signed(token text, statement text, tenant text default null) returns text language plpgsql as $$
declare
  outcome text;
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L, %L)', token, tenant));
  outcome := tests.sqlstate_of('a', statement);
  perform tests.tell('a', 'rollback');
  return outcome;
end $$;
select is(pg_temp.try_signed(pg_temp.signed('eve'), statement), '00000', 'an admin with a signed token suspends') from deed where name = 'suspend';
select is(pg_temp.try_signed(pg_temp.signed('eve'), statement, '1'), '42501', 'but not while it is used for one tenant') from deed where name = 'suspend';
select is(pg_temp.try_signed(pg_temp.signed('cyd'), statement), '42501', 'and nobody else with one') from deed where name = 'suspend';
select tenancy.distrust_issuer('https://admins.example/');

-- ---------------------------------------------------------------- who is refused all the same
select is(tests.sqlstate_as('a', 'ann', statement), '42501', format('a tenant may not %s', name)) from deed;
select is(tests.sqlstate_as('a', 'ann', 'select count(*) from tenancy.' || v), '42501', format('nor read %s', v))
  from unnest(array['audit_log', 'suspensions', 'isolation_runs', 'isolation_results']) v;
-- Also where somebody has granted too much.
grant execute on function tenancy.suspend(text, text), tenancy.session_counts() to tenancy_user;
grant select on tenancy.audit_log, tenancy.suspensions to tenancy_user;
select is((select count(*) from tests.findings('extension_right_granted')), 4::bigint, 'which the check tells');
select is(tests.sqlstate_as('a', 'ann', $$select tenancy.suspend('4', 'mine')$$), '42501', 'a tenant who may execute it is refused by its context');
select is(tests.sqlstate_as('a', 'ann', $$select shop.suspend_for('4')$$), '42501', 'in a function of the owner, too');
select is(tests.tell_as('a', 'ann', 'select count(*) from tenancy.suspensions') || tests.tell_as('a', 'ann', 'select count(*) from tenancy.audit_log'), '00', 'and reads nothing');
insert into shop.membership values (pg_temp.id('eve')::bigint, 1);
select tests.tell('sign-in', format($$select token from tenancy.choose_tenant(%L, '1')$$, :'eve')) as stepped \gset
select tests.tell('a', 'begin');
select tests.tell('a', format('select tenancy.attach(%L)', :'stepped'));
select is(tests.sqlstate_inside('a', $$select tenancy.suspend('4', 'mine')$$), '42501', 'nor may an admin who has stepped into a tenant');
select is(tests.sqlstate_inside('a', 'select count(*) from tenancy.session_counts()'), '42501', 'who counts no sessions');
select is(tests.tell('a', 'select count(*) from tenancy.audit_log'), '0', 'and reads no log');
select tests.tell('a', 'rollback');
select tests.tell('op', format($$select tenancy.job_token('1', %L, '5 minutes', 'a test')$$, pg_temp.id('eve'))) as job \gset
select tests.tell('a', 'begin');
select tests.tell('a', format('select tenancy.attach(%L)', :'job'));
select is(tests.sqlstate_inside('a', $$select tenancy.suspend('4', 'mine')$$), '42501', 'nor a job of an admin');
select tests.tell('a', 'rollback');
select tests.tell('op', 'begin');
select tests.tell('op', format($$select tenancy.act_as(%L, '1', 'a test', read_only => false)$$, pg_temp.id('eve')));
select is(tests.sqlstate_inside('op', $$select tenancy.suspend('4', 'mine')$$), '42501', 'nor an operator who acts as an admin');
select tests.tell('op', 'rollback');
delete from shop.membership where user_id = pg_temp.id('eve')::bigint;
revoke execute on function tenancy.suspend(text, text), tenancy.session_counts() from tenancy_user;
revoke select on tenancy.audit_log, tenancy.suspensions from tenancy_user;
select tests.tell('op', 'begin');
select tests.tell('op', $$select tenancy.bypass('a test')$$);
select is(tests.sqlstate_inside('op', $$select tenancy.suspend('4', 'mine')$$), '42501', 'nor in the bypass of an operator, who has the right outside of it');
select tests.tell('op', 'rollback');
-- A stolen login of the gateway becomes tenancy_admin, and has no context.
select tests.tell('a', 'begin');
select tests.tell('a', 'set local role tenancy_admin');
select is(tests.sqlstate_inside('a', statement), '42501', format('nor does the role alone let anybody %s', name)) from deed;
select is(tests.tell('a', 'select count(*) from tenancy.' || v), '0', format('or read %s', v))
  from unnest(array['audit_log', 'suspensions', 'isolation_runs', 'isolation_results']) v;
select is(tests.sqlstate_inside('a', 'set local tenancy.bypass = on'), '42501', 'and it makes no context');
select tests.tell('a', 'rollback');

-- Only these: what ends sessions stays with operators, whatever is granted.
grant execute on function tenancy.revoke_all(text, text), tenancy.rotate_secrets() to tenancy_admin;
select is(tests.sqlstate_as('a', 'eve', $$select tenancy.revoke_all(tenant => '4')$$), '42501', 'ending the sessions of others cannot be opened to admins');
select is((select count(*) from tests.findings('extension_right_granted')), 2::bigint, 'and the check tells who tries');
revoke execute on function tenancy.revoke_all(text, text), tenancy.rotate_secrets() from tenancy_admin;
grant execute on function tenancy.suspend(text, text) to tenancy_admin with grant option;
select is((select count(*) from tests.findings('extension_right_granted')), 1::bigint, 'a right that can be handed on is told, too');

revoke execute on function tenancy.suspend(text, text), tenancy.resume(text), tenancy.session_counts(), tenancy.start_isolation_run() from tenancy_admin;
revoke select on tenancy.audit_log, tenancy.suspensions, tenancy.isolation_runs, tenancy.isolation_results from tenancy_admin;
select is(tests.sqlstate_as('a', 'eve', $$select shop.suspend_for('4')$$), '42501', 'closed again, it is closed');
select tests.tell('own', 'drop function shop.suspend_for(text)');

select * from finish();
