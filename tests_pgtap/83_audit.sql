-- The audit log: who writes it, who reads it, that it only grows, and that a rollback does not erase who has looked.

select plan(47);
select tests.open('a', 'shop_gateway');
select tests.open('op', 'shop_operator');
select tests.open('own', 'shop_owner');

create function pg_temp.entries() returns bigint language sql as 'select count(*) from tenancy.audit_log';
-- The newest entry, without what differs from run to run.
create function pg_temp.newest() returns text language sql as
$$ select concat_ws(' | ', action, login, coalesce(user_id, '-'), coalesce(acting_as, '-'), coalesce(tenant_id, '-'), coalesce(reason, '-'),
                    case when session_id is null then 'no session' else 'session' end, detail)
     from tenancy.audit_log order by id desc limit 1 $$;

-- ---------------------------------------------------------------- nobody writes it
select tests.tell('op', 'begin');
select tests.tell('op', $$select tenancy.bypass('first entry')$$);
select tests.tell('op', 'commit');
select is(pg_temp.newest(), 'bypass | shop_operator | - | - | - | first entry | no session | {}', 'an entry says what, who and why');
select ok((select at between now() - interval '1 hour' and clock_timestamp() from tenancy.audit_log order by id desc limit 1), 'and when');

create function pg_temp.refused(connection text) returns text language sql as
$$ select string_agg(tests.sqlstate_of(connection, statement), ' ' order by n)
     from unnest(array[
       'insert into tenancy.audit_log (action, login) values (''forged'', ''somebody'')',
       'update tenancy.audit_log set reason = ''another''',
       'delete from tenancy.audit_log',
       'truncate tenancy.audit_log',
       'alter table tenancy.audit_log disable trigger keep_audit',
       'drop trigger keep_audit on tenancy.audit_log',
       'drop table tenancy.audit_log',
       'drop extension tenancy cascade',
       'select tenancy.append_audit(''{"action": "forged", "login": "somebody"}'')',
       'select tenancy.audit(''forged'', null, null, null, null)',
       'select setval(''tenancy.audit_log_id_seq'', 1)']) with ordinality as t (statement, n) $$;
select is(pg_temp.refused('op'), rtrim(repeat('42501 ', 11)), 'an operator can neither write, change nor delete it, nor call what writes it');
select is(pg_temp.refused('own'), rtrim(repeat('42501 ', 11)), 'nor can the owner of the database');
select is(pg_temp.refused('a'), rtrim(repeat('42501 ', 11)), 'nor the gateway');
select tests.open('root', 'shop_root');
select is(tests.sqlstate_of('root', 'delete from tenancy.audit_log'), '42501', 'a superuser cannot delete by mistake');
select is(tests.sqlstate_of('root', 'update tenancy.audit_log set reason = null'), '42501', 'nor change');
select is(tests.sqlstate_of('root', 'truncate tenancy.audit_log'), '42501', 'nor truncate');
select tests.tell('root', 'set session_replication_role = replica');
select is(tests.sqlstate_of('root', 'delete from tenancy.audit_log'), '42501', 'where triggers are switched off for replication neither');
-- What trigger and row security are for beside the rights: they hold a role that writes all tables.
create role tests_writer login in role pg_write_all_data;
grant pg_read_all_data to tests_writer;
insert into tests.login (name) values ('tests_writer');
select format('alter role tests_writer password %L', password) from tests.login where name = 'tests_writer' \gexec
select tests.open('writer', 'tests_writer');
select is(tests.sqlstate_of('writer', 'insert into tenancy.audit_log (action, login) values (''forged'', ''somebody'')'), '42501', 'a member of pg_write_all_data cannot forge an entry');
select is(tests.sqlstate_of('writer', 'update tenancy.audit_log set reason = ''another'''), '42501', 'nor change one');
select is(tests.sqlstate_of('writer', 'delete from tenancy.audit_log'), '42501', 'nor delete one');
begin;
alter table tenancy.audit_log disable trigger keep_audit;
alter table tenancy.audit_log disable row level security;
set local role tests_writer;
with gone as (delete from tenancy.audit_log returning 1) select cmp_ok(count(*), '>', 0::bigint, 'which it could without both') from gone;
rollback;
select tests.close('writer');
drop role tests_writer;
delete from tests.login where name = 'tests_writer';

-- ---------------------------------------------------------------- who reads it
select cmp_ok(tests.tell('op', 'select count(*) from tenancy.audit_log')::bigint, '>', 0::bigint, 'an operator reads it');
select is(tests.sqlstate_of('own', 'select * from tenancy.audit_log'), '42501', 'the owner of the database does not');
select is(tests.sqlstate_of('a', 'select * from tenancy.audit_log'), '42501', 'the gateway does not');
select is(tests.sqlstate_as('a', 'ann', 'select * from tenancy.audit_log'), '42501', 'a tenant does not');
select is(tests.sqlstate_as('a', 'eve', 'select * from tenancy.audit_log'), '42501', 'an admin of the application does not');

-- ---------------------------------------------------------------- a rollback does not erase it
create function pg_temp.grows(connection text, statement text, ending text) returns bigint language plpgsql as
$$
declare
  before bigint := pg_temp.entries();
begin
  perform tests.tell(connection, 'begin');
  perform tests.sqlstate_of(connection, statement);
  perform tests.tell(connection, ending);
  return pg_temp.entries() - before;
end
$$;
select is(pg_temp.grows('op', $$select tenancy.bypass('rolled back')$$, 'rollback'), 1::bigint, 'a bypass that is rolled back stays on record');
select is(pg_temp.grows('op', $$select tenancy.bypass('committed')$$, 'commit'), 1::bigint, 'one that is committed has one entry, not two');
select is(pg_temp.grows('op', $$select tenancy.act_as('1', '1', 'rolled back')$$, 'rollback'), 1::bigint, 'acting as a user stays on record');
select is(pg_temp.newest(), 'act_as | shop_operator | - | 1 | 1 | rolled back | no session | {"read_only": true}', 'with both people and the tenant');
select is(pg_temp.grows('op', $$select * from tenancy.for_each_tenant('select 1', 'rolled back', '{3}')$$, 'rollback'), 1::bigint, 'so does a job');
select is(pg_temp.newest(), 'for_each_tenant | shop_operator | - | - | 3 | rolled back | no session | {"listed": ["3"], "tenants": 1, "statement": "select 1"}', 'with its statement and tenants');
select is(pg_temp.grows('op', $$select tenancy.job_token('1', '1', '1 h', 'rolled back')$$, 'rollback'), 1::bigint, 'so does the token of a job');
select is(pg_temp.grows('op', $$select 1 / length(tenancy.bypass('seen')::text)$$, 'rollback'), 1::bigint,
  'and what a statement that fails has begun');
select is(pg_temp.grows('op', $$select tenancy.bypass(' ')$$, 'rollback'), 0::bigint, 'what is refused did not happen');
select tests.tell('op', 'begin');
select tests.tell('op', $$select tenancy.bypass('counts')$$);
select is((select reason from tenancy.audit_log order by id desc limit 1), 'counts', 'it is there for others before the first row is read');
select tests.tell('op', 'rollback');

-- ---------------------------------------------------------------- an admin's bypass, once for each session
create function pg_temp.attach_with(token text) returns text language plpgsql as
$$
begin
  perform tests.tell('a', 'begin');
  perform tests.tell('a', format('select tenancy.attach(%L)', token));
  return tests.tell('a', 'rollback');
end
$$;
select tests.token('eve') as eve \gset
select pg_temp.entries() as before \gset
select pg_temp.attach_with(:'eve');
select is(pg_temp.entries() - :before, 1::bigint, 'the first transaction of an admin''s session is on record, though it was rolled back');
select is(pg_temp.newest(), 'admin_bypass | shop_gateway | 5 | - | - | - | session | {}', 'with user and session');
select pg_temp.attach_with(:'eve');
select is(pg_temp.entries() - :before, 1::bigint, 'the second is not');
select tests.open('a', 'shop_gateway');
select pg_temp.attach_with(:'eve');
select is(pg_temp.entries() - :before, 1::bigint, 'nor the first over another connection');
select tests.token('eve') as eve \gset
select pg_temp.attach_with(:'eve');
select is(pg_temp.entries() - :before, 2::bigint, 'another session of the same admin is');
select tests.token('ann') as ann \gset
select pg_temp.attach_with(:'ann');
select is(pg_temp.entries() - :before, 2::bigint, 'a tenant''s own session is not');

-- ---------------------------------------------------------------- reasons
select is(tests.sqlstate_of('op', 'select tenancy.bypass(null)'), '22023', 'no reason is refused');
select is(tests.sqlstate_of('op', 'select tenancy.bypass('''')'), '22023', 'an empty one is');
select is(tests.sqlstate_of('op', $$select tenancy.bypass(E' \t\n')$$), '22023', 'so is a blank one');
select is(tests.sqlstate_of('op', 'select tenancy.bypass(repeat(''x'', 10240))'), '22023', 'and one of 10 kB');
select is(tests.sqlstate_of('op', 'select tenancy.bypass(repeat(''x'', 2049))'), '22023', 'and one byte more than 2 kB');
select is(tests.sqlstate_of('op', 'select tenancy.bypass(repeat(''x'', 2048))'), '00000', '2 kB are not too long');
select is(tests.sqlstate_of('op', 'select tenancy.bypass(repeat(chr(1), 2048))'), '00000', 'whatever they consist of');
select is((select reason from tenancy.audit_log order by id desc limit 1), repeat(chr(1), 2048), 'and they are kept as they are');
select is((tests.try('op', 'select tenancy.bypass('''')')).hint, 'Say why, for those who read tenancy.audit_log later: a ticket, a request.', 'the way out is told');
select is(tenancy.audit_line(jsonb_build_object('reason', E'one\ntwo\r\t\u0085\u009b\u2028\u007fend', 'user_id', null)),
  E'tenancy audit: {"reason": "one\\ntwo\\r\\t????end"}', 'a reason of several lines is one line in the server log, without control characters');

-- ---------------------------------------------------------------- in the same transaction, for what only changes things
begin;
select tenancy.audit('tried', 'somebody', '7', 'why', '{"more": 1}');
select is(pg_temp.newest(), 'tried | ' || session_user || ' | - | somebody | 7 | why | no session | {"more": 1}', 'a function of ours writes with the login that called it');
rollback;
select isnt(pg_temp.newest(), 'tried | ' || session_user || ' | - | somebody | 7 | why | no session | {"more": 1}', 'and what is rolled back was not done');

-- ---------------------------------------------------------------- a dump keeps it
select is((select count(*) from pg_extension e, unnest(e.extconfig) c where e.extname = 'tenancy' and c in ('tenancy.audit_log'::regclass, 'tenancy.audit_log_id_seq'::regclass)), 2::bigint,
  'pg_dump carries the entries and where the numbers are');

select * from finish();
