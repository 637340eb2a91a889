-- Attack: write the context by hand. Tried for each of its settings, in every way that Postgres has for a setting, by
-- the gateway's login, inside a tenant's transaction, and by a superuser, whom it does not stop but must not serve by accident.
-- What is tried before the library is loaded is in 59_without_preload.sh.

select plan(88);
select tests.open('a', 'shop_gateway');
select tests.open('owner', 'shop_owner');

create temporary table setting (name text, value text);
insert into setting values ('tenancy.tenant_id', '2'), ('tenancy.user_id', '2'), ('tenancy.bypass', 'on'),
  ('tenancy.session_id', '11111111-1111-1111-1111-111111111111');

create temporary table way (what text, statement text);
insert into way values
  ('SET',                         'set %1$s = %2$L'),
  ('SET LOCAL',                   'set local %1$s = %2$L'),
  ('SET under another spelling',  'set "TENANCY.' || '%3$s" = %2$L'),
  ('set_config',                  'select set_config(%1$L, %2$L, false)'),
  ('set_config for the transaction', 'select set_config(%1$L, %2$L, true)'),
  ('UPDATE of pg_settings',       'update pg_settings set setting = %2$L where name = %1$L'),
  ('set_config inside query_to_xml', 'select query_to_xml(format(''select set_config(%%L, %%L, false)'', %1$L, %2$L), true, true, '''')'),
  ('ALTER ROLE',                  'alter role current_user set %1$s = %2$L');

-- ---------------------------------------------------------------- by the gateway's login
-- Inside a transaction block, where SET LOCAL means something.
create function pg_temp.try_way(statement text, connection text default 'a') returns text language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell(connection, 'begin');
  outcome := tests.sqlstate_inside(connection, statement);
  perform tests.tell(connection, 'rollback');
  return outcome;
end
$$;
select is(pg_temp.try_way(format(statement, name, value, substr(name, 9))), '42501', format('%s of %s is refused', what, name)) from way, setting;
select is(pg_temp.try_way(format('alter database %I set %s = %L', current_database(), name, value), 'owner'), '42501',
  format('ALTER DATABASE … SET %s by the database''s owner is refused', name)) from setting;
select is(pg_temp.try_way(format('create function pg_temp.f() returns void language sql set %s = %L as ''''', name, value)), '42501',
  format('a function with SET %s is refused', name)) from setting;
select throws_ok(format('select tests.open(%L, %L, %L)', 'b', 'shop_gateway', format('-c %s=%s', name, value)), '08001', null,
  format('a connection with %s in PGOPTIONS is refused', name)) from setting;
select is(pg_temp.try_way('set tenancy.anything = 1'), '42602', 'no further setting can be made up under the prefix');

-- ---------------------------------------------------------------- inside a tenant's transaction
select is(tests.sqlstate_as('a', 'ann', format(statement, name, value, substr(name, 9))), '42501', format('inside a context %s of %s is refused', what, name))
  from way, setting where what <> 'ALTER ROLE' and name in ('tenancy.tenant_id', 'tenancy.bypass');
select is(tests.sqlstate_as('a', 'ann', $$select count(*) from shop.patient where (select set_config('tenancy.tenant_id', '2', true)) is not null$$), '42501',
  'a sub-select that runs before the scan is refused');
select is(tests.sqlstate_as('a', 'ann', $$select p.* from generate_series(1, 300) n, lateral (select set_config('tenancy.tenant_id', n::text, true)) s, lateral (select 1 from shop.patient) p$$), '42501',
  'so is a lateral call that walks through all tenants');
select is(tests.sqlstate_as('a', 'ann', 'reset tenancy.tenant_id'), '42501', 'RESET does not empty the tenant');

-- With the seal off the check hook still stands: the seal is the second lock, not the first.
select tests.tell('owner', format('alter database %I set tenancy.seal = off', current_database()));
select tests.open('unsealed', 'shop_gateway');
select is(tests.tell('unsealed', 'show tenancy.seal'), 'off', 'where the seal is off');
select is(tests.sqlstate_as('unsealed', 'ann', format(statement, name, value, substr(name, 9))), '42501', format('%s of %s is refused all the same', what, name))
  from way, setting where name in ('tenancy.tenant_id', 'tenancy.bypass') and what in ('SET', 'SET LOCAL', 'set_config', 'UPDATE of pg_settings');
select tests.begin_as('unsealed', 'ann');
select tests.sqlstate_inside('unsealed', 'reset tenancy.tenant_id');
select is(tests.tell('unsealed', 'show tenancy.tenant_id'), '1', 'and RESET in a context it leaves as it is');
select tests.tell('unsealed', 'rollback');
select tests.tell('owner', format('alter database %I reset tenancy.seal', current_database()));

-- ---------------------------------------------------------------- by a superuser
select throws_ok(format('set %s = %L', name, value), '42501', null, format('a superuser''s SET of %s is refused', name)) from setting;
select tests.open('root', 'shop_root');
select is(tests.sqlstate_of('root', format('alter system set %s = %L', name, value)), '55P02', format('ALTER SYSTEM SET %s is refused', name)) from setting;
select throws_ok(format('alter role shop_gateway set %s = %L', name, value), '42501', null, format('a superuser''s ALTER ROLE … SET %s is refused', name)) from setting;
select throws_ok($$alter role all set tenancy.bypass = on$$, '42501', null, 'for all roles at once too');

-- ---------------------------------------------------------------- and after all that
select is(tests.tell('a', 'select count(*) from pg_settings where name like ''tenancy.%'' and setting <> reset_val'), '0', 'the connection that tried has a context as empty as before');
select is(tests.tell_as('a', 'ann', 'select count(*) filter (where tenant_id = 1) || '' of '' || count(*) from shop.patient'), '5 of 5', 'and works');
select is(count(*), 0::bigint, 'and no setting stayed with a role or the database') from pg_db_role_setting, unnest(setconfig) c where c like 'tenancy.%' and c <> 'tenancy.guard=off'; -- the fixture's

select * from finish();
