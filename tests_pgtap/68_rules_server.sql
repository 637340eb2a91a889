-- The rules about stored settings, rights to parameters and the server's release; its files are in 68_server_files.sh.

begin;
select plan(57);

-- ---------------------------------------------------------------- settings stored with a role or the database
select * from tests.rule_story('role_or_database_settings', format('database %s: tenancy.seal', current_database()), format('alter database %I set tenancy.seal = off', current_database()));
select * from tests.rule_story('role_or_database_settings', 'role shop_gateway: session_replication_role', 'alter role shop_gateway set session_replication_role = replica');
select * from tests.rule_story('role_or_database_settings', 'role all: lo_compat_privileges', 'alter role all set lo_compat_privileges = on');
select * from tests.rule_story('role_or_database_settings', 'role shop_gateway: local_preload_libraries', $$alter role shop_gateway set local_preload_libraries = 'spy'$$);
select * from tests.rule_story('role_or_database_settings', format('role tenancy_user in database %s: search_path', current_database()),
                               format('alter role tenancy_user in database %I set search_path = shop, pg_catalog', current_database()));
grant create on schema shop to tenancy_user;
select * from tests.rule_story('role_or_database_settings', 'role shop_gateway: search_path', 'alter role shop_gateway set search_path = public, shop');
revoke create on schema shop from tenancy_user;

select format('alter database %I set search_path = shop, public', current_database()) \gexec
alter role shop_gateway set search_path = pg_catalog, shop;
alter role shop_gateway set session_replication_role = origin;
alter role shop_gateway set session_preload_libraries = 'tenancy';
alter role shop_gateway set row_security = off;
alter role shop_gateway set statement_timeout = '5s';
alter role shop_reporting set session_replication_role = replica;
select is_empty($$select tests.findings('role_or_database_settings')$$, 'role_or_database_settings: an ordinary search_path, harmless values and settings of others are no finding');

-- ---------------------------------------------------------------- rights to parameters
select * from tests.rule_story('parameter_grant', 'parameter session_replication_role for tenancy_user', 'grant set on parameter session_replication_role to tenancy_user');
select * from tests.rule_story('parameter_grant', 'parameter log_statement for public', 'grant set, alter system on parameter log_statement to public');
select * from tests.rule_story('parameter_grant', 'parameter tenancy.session_lifetime for shop_gateway', 'grant set on parameter tenancy.session_lifetime to shop_gateway');
grant set on parameter session_replication_role to shop_reporting;
select is_empty($$select tests.findings('parameter_grant')$$, 'parameter_grant: what others may set is no finding');

-- ---------------------------------------------------------------- settings of the server, here as stored with the database
select tests.rule_story('risky_setting', 'setting ' || s.name, format('alter database %I set %s = %L', current_database(), s.name, s.value))
  from (values ('log_parameter_max_length_on_error', '100'), ('password_encryption', 'md5')) as s (name, value);
select format('alter database %I set log_parameter_max_length = 100', current_database()) \gexec
select * from tests.rule_story('risky_setting', 'setting log_parameter_max_length', format('alter database %I set log_statement = ''all''', current_database()));
select * from tests.rule_story('risky_setting', 'setting log_parameter_max_length', format('alter database %I set log_parameter_max_length = -1; alter database %1$I set log_min_duration_statement = 0', current_database()));
select format('alter database %I set log_statement = ''mod''', current_database()), format('alter database %I reset log_min_duration_statement', current_database()),
       format('alter database %I set log_parameter_max_length = -1', current_database()) \gexec
select is_empty($$select tests.findings('risky_setting')$$, 'risky_setting: parameters that no statement logs are no finding');

-- ---------------------------------------------------------------- the release
select is(tenancy.release_trouble(r.version_num) is null, r.safe, format('release %s.%s is %s', r.version_num / 10000, r.version_num % 10000, case when r.safe then 'fine' else 'reported' end))
  from (values (150019, false), (150020, true), (150021, true), (160015, false), (160016, true), (170011, false), (170012, true), (180005, false), (180006, true), (140024, false), (140025, true),
               (130023, false), (190000, true)) as r (version_num, safe);
select is(exists (select tests.findings('server_minor_below_known_fixes')), tenancy.release_trouble(current_setting('server_version_num')::int) is not null, 'server_minor_below_known_fixes: tells of this server what is known');
create or replace function tenancy.fixed_release() returns table (major integer, fixed integer) language sql immutable set search_path = pg_catalog, pg_temp
  as $$ select current_setting('server_version_num')::int / 10000, 9999 $$;
select matches((select mend from tests.findings('server_minor_below_known_fixes')), '^-- PostgreSQL .* known holes .* update to .*\.9999', 'on a server before the fixes it names the release to go to');

select * from finish();
rollback;
